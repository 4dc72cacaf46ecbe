"""What the daemon tells the service manager that started it, by the protocol of sd_notify(3).

Where none did, nothing is told and nothing is missed.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

PATIENCE_S = 2.0
"""For a manager that is too busy to take a message."""

STATUS_LENGTH = 1000
"""Characters; the manager passes over messages of more than 4,096 bytes."""

log = structlog.get_logger(__name__)


class ServiceManager:
    """Takes its address out of the environment, so that no process the daemon starts speaks in its name."""

    def __init__(self) -> None:
        self._address = _address(os.environ.pop("NOTIFY_SOCKET", ""))
        self._watched = _is_watched(os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", ""))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(PATIENCE_S)
        self._status = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ready(self) -> None:
        """It inspects, or has ended a reload."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """It reads its configuration again; `ready` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within_s: float) -> None:
        """It ends, which may take as long as `within_s` even where the unit allows less."""
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={within_s * 1e6:.0f}")

    def alive(self) -> None:
        """Every stage makes progress; for the watchdog, where the manager has one for us."""
        if self._watched:
            self._tell("WATCHDOG=1")

    def status(self, words: str) -> None:
        """Tell the state in words, if they have changed."""
        line = " ".join(words.split())[:STATUS_LENGTH]  # a line's end would begin another assignment
        if line != self._status:
            self._status = line
            self._tell(f"STATUS={line}")

    def _tell(self, *assignments: str) -> None:
        if self._address is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(errors="replace"), self._address)
        except OSError as error:
            log.warning("the service manager was not told", what=assignments[0], error=str(error))


def _address(named: str) -> str | bytes | None:
    if named.startswith("@"):
        return b"\0" + os.fsencode(named[1:])  # the kernel's abstract names begin so
    return named if named.startswith("/") else None


def _is_watched(period_us: str, process: str) -> bool:
    with suppress(ValueError):
        return int(period_us) > 0 and (not process or int(process) == os.getpid())
    return False
