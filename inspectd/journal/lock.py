"""One daemon a journal: an exclusive lock on a file beside it, which the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from inspectd.errors import JournalError


class JournalLock:
    """Holds `<journal>.lock`. The file stays when the lock is let go; only the lock on it counts."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JournalError: another process holds it (the message names it), or the file cannot be made.
        """
        path = _lock_path(self._journal)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(
                f"journal.path = '{self._journal}': {path} cannot be written: {error.strerror}; "
                "the directory must exist and be writable by the user that runs the daemon"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _told_pid(descriptor)
            os.close(descriptor)
            raise JournalError(
                f"journal.path = '{self._journal}': another daemon, process {holder or '(unknown)'}, holds this "
                "journal; stop it, or set another path"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go. May be called more than once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_holder(journal: Path) -> int | None:
    """The process that holds a journal just now; None where nobody does. 0: somebody whose number is not told."""
    try:
        descriptor = os.open(_lock_path(journal), os.O_RDONLY | os.O_CLOEXEC)
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


def _lock_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")


def _told_pid(descriptor: int) -> int:
    told = os.pread(descriptor, 32, 0).strip()
    return int(told) if told.isdigit() else 0
