"""A service manager for tests: what a daemon tells it, by the protocol of sd_notify(3)."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path


class Manager:
    """Hears what the processes that it is named to say, and who said it."""

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        """`address` is a path, or `@` and an abstract name."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": address}
        if watchdog_s is not None:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self.heard: list[dict[str, str]] = []
        """The assignments of each message, oldest first."""
        self.senders: set[int] = set()
        self._watchdog_at = 0.0

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def listen(self) -> None:
        """Hear what has come since."""
        while True:
            try:
                message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except BlockingIOError:
                return
            self.senders.add(struct.unpack("3i", ancillary[0][2])[0])
            told = dict(line.split("=", 1) for line in message.decode().split("\n"))
            self.heard.append(told)
            if told.get("WATCHDOG") == "1":
                self._watchdog_at = time.monotonic()

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        """Listen until something comes about."""
        end = time.monotonic() + timeout_s
        while True:
            self.listen()
            if condition():
                return
            assert time.monotonic() < end, f"not within {timeout_s:g} s: {what}; heard {self.heard[-20:]}"
            time.sleep(0.02)

    def wait_for(self, key: str, value: str, timeout_s: float = 30.0) -> None:
        """Listen until an assignment has come that was not there."""
        self.listen()
        known = self.count(key, value)
        self.wait(lambda: self.count(key, value) > known, f"{key}={value}", timeout_s)

    def count(self, key: str, value: str) -> int:
        """How often an assignment was heard."""
        return sum(told.get(key) == value for told in self.heard)

    @property
    def status(self) -> str:
        """The last one told."""
        return next((told["STATUS"] for told in reversed(self.heard) if "STATUS" in told), "")

    @property
    def silent_s(self) -> float:
        """Since the watchdog was told last."""
        return time.monotonic() - self._watchdog_at


def manager_in(folder: Path, watchdog_s: float | None = None) -> Manager:
    """One that listens on a path of its own."""
    return Manager(str(folder / f"notify-{os.getpid()}"), watchdog_s)
