"""One process at a time: an exclusive lock on a file, which the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.1
"""`holder_of` holds the file for much less than this; whoever holds it for longer, keeps it."""
TRY_AGAIN_S: Final = 0.002


class FileLock:
    """Holds a file, in which it writes its process's number. The file stays when the lock is let go; only the lock on
    it counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> int | None:
        """Take the lock. Returns None where it is ours now; otherwise the process that holds it, 0 where that is not
        told.

        Raises:
            OSError: the file cannot be made or opened.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        end_s = time.monotonic() + LOOK_S
        while not locked_now(descriptor):
            if time.monotonic() > end_s:
                holder = _told_pid(descriptor)
                os.close(descriptor)
                return holder
            time.sleep(TRY_AGAIN_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return None

    def release(self) -> None:
        """Let the lock go. May be called more than once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder_of(path: Path) -> int | None:
    """The process that holds a file just now; None where nobody does. 0: somebody whose number is not told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _told_pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def locked_now(descriptor: int) -> bool:
    """Lock an open file or directory, until it is closed; False where somebody else has it locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _told_pid(descriptor: int) -> int:
    told = os.pread(descriptor, 32, 0).strip()
    return int(told) if told.isdigit() else 0
