"""The connections that a listening socket has accepted. ZeroMQ hides them; this finds them, and cuts one where need be.

A descriptor is ZeroMQ's, which may close it at any moment and give its number away. So it is duplicated for each look,
and a connection is known by both its ends rather than by its number.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

MOST: Final = 100
"""Connections that one socket takes. Each costs some 50 kB, and a descriptor."""
UNREAD_BYTES: Final = 256 << 10
"""What may come over a connection without making a whole message. ZeroMQ limits a part's size, but neither how many
parts a message has nor how many subscriptions a peer makes, and keeps them all."""
UNREAD_BYTES_S: Final = 256
"""What may come on top each second: signs of life, and what a subscriber says."""

_Found = TypeVar("_Found")

_RECEIVED: Final = struct.Struct("=128xQ")
"""tcpi_bytes_received in the kernel's struct tcp_info."""


@dataclass
class Connection:
    """One of them."""

    ends: tuple[Any, Any]
    """Addresses here and there."""
    since_s: float
    """When a whole message came last, or since when there is this connection; on the monotonic clock."""
    received: int = 0
    """Bytes that had come then."""

    @property
    def peer(self) -> str:
        """The address of the other PC; empty where it is this one, over ipc://."""
        return str(self.ends[1][0]) if isinstance(self.ends[1], tuple) else ""


class Connections:
    """Those of one socket, by descriptor. Belongs to one thread."""

    def __init__(self) -> None:
        self._open: dict[int, Connection] = {}

    def accepted(self, descriptor: int, endpoint: str) -> bool:
        """There is a new one, at `endpoint` as ZeroMQ writes it; False where it was cut because there are too many."""
        ends = _look(descriptor, _ends)
        if ends is None or not _is_at(ends[0], endpoint):
            return True  # it has ended already
        self._open[descriptor] = Connection(ends, time.monotonic())
        if len(self._open) > MOST:
            self._cut(descriptor)
            return False
        return True

    def ended(self, descriptor: int) -> None:
        """ZeroMQ has closed one."""
        self._open.pop(descriptor, None)

    def heard(self, descriptors: Iterable[int]) -> None:
        """Whole messages have come over these."""
        for descriptor in descriptors:
            connection = self._open.get(descriptor)
            if connection is not None:
                connection.since_s = time.monotonic()
                connection.received = _look(descriptor, _received) or 0

    def cut_peers(self, peers: Iterable[str]) -> None:
        """Cut every one from these addresses."""
        for descriptor, connection in list(self._open.items()):
            if connection.peer in peers:
                self._cut(descriptor)

    def cut_unread(self) -> list[str]:
        """Cut those over which much has come that makes no message, and return whence they came."""
        self._forget_ended()
        now_s = time.monotonic()
        cut = []
        for descriptor, connection in list(self._open.items()):
            allowed = connection.received + UNREAD_BYTES + UNREAD_BYTES_S * (now_s - connection.since_s)
            if (_look(descriptor, _received) or 0) > allowed:
                cut.append(connection.peer)
                self._cut(descriptor)
        return cut

    def _cut(self, descriptor: int) -> None:
        connection = self._open.pop(descriptor)

        def shut(found: socket.socket) -> None:
            if _ends(found) == connection.ends:
                found.shutdown(socket.SHUT_RDWR)

        _look(descriptor, shut)

    def _forget_ended(self) -> None:
        """Those that ZeroMQ has closed without a word."""
        self._open = {
            descriptor: connection
            for descriptor, connection in self._open.items()
            if _look(descriptor, _ends) == connection.ends
        }


def _look(descriptor: int, at: Callable[[socket.socket], _Found]) -> _Found | None:
    """What is found at a connected socket; None where the descriptor is none any more."""
    with suppress(OSError):
        copy = os.dup(descriptor)
        try:
            found = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            raise
        with found:
            return at(found)
    return None


def _ends(found: socket.socket) -> tuple[Any, Any]:
    return found.getsockname(), found.getpeername()


def _received(found: socket.socket) -> int:
    """Bytes that have come; 0 where the kernel does not tell, as over ipc://."""
    if found.family == socket.AF_UNIX:
        return 0
    told = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
    return int(_RECEIVED.unpack(told)[0]) if len(told) == _RECEIVED.size else 0


def _is_at(address: Any, endpoint: str) -> bool:
    place = endpoint.partition("://")[2]
    return bool(address == place if isinstance(address, str) else address[1] == int(place.rpartition(":")[2]))
