"""A subscriber that notes everything it hears, as it was sent and when."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import zmq

from inspectd.wire.topics import HEARTBEAT


@dataclass(frozen=True)
class Heard:
    """A message, and when it came."""

    topic: bytes
    body: bytes = field(repr=False)
    at_ns: int
    """CLOCK_MONOTONIC."""

    @cached_property
    def message(self) -> dict[str, Any]:
        """What it says."""
        said: dict[str, Any] = json.loads(self.body)
        return said


class Listener:
    """Listens to `publish.verdicts` on a thread of its own, over every restart of the daemon."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._all: list[Heard] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._context.destroy(linger=0)

    @property
    def numbered(self) -> list[Heard]:
        """Whatever has a sequence number of its own, in the order in which it came."""
        return [heard for heard in list(self._all) if heard.topic != HEARTBEAT]

    @property
    def heartbeats(self) -> list[dict[str, Any]]:
        """In the order in which they came."""
        return [heard.message for heard in list(self._all) if heard.topic == HEARTBEAT]

    @property
    def boots(self) -> set[str]:
        """Lives of the daemon that were heard."""
        return {beat["boot"] for beat in self.heartbeats}

    def _listen(self) -> None:
        socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.setsockopt(zmq.RCVHWM, 0)  # nothing is dropped here
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.connect(self._address)
        while not self._over.is_set():
            if socket.poll(50):
                topic, body = socket.recv_multipart()
                self._all.append(Heard(topic, body, time.monotonic_ns()))
