"""One daemon a journal."""

from __future__ import annotations

from pathlib import Path

from inspectd.errors import JournalError
from inspectd.lock import FileLock, holder_of


class JournalLock:
    """Holds `<journal>.lock`."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(_lock_path(journal))

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JournalError: another process holds it (the message names it), or the file cannot be made.
        """
        try:
            holder = self._lock.acquire()
        except OSError as error:
            raise JournalError(
                f"journal.path = '{self._journal}': {_lock_path(self._journal)} cannot be written: {error.strerror}; "
                "the directory must exist and be writable by the user that runs the daemon"
            ) from error
        if holder is not None:
            raise JournalError(
                f"journal.path = '{self._journal}': another daemon, process {holder or '(unknown)'}, holds this "
                "journal; stop it, or set another path"
            )

    def release(self) -> None:
        """Let the lock go. May be called more than once."""
        self._lock.release()


def lock_holder(journal: Path) -> int | None:
    """The process that holds a journal just now; None where nobody does. 0: somebody whose number is not told."""
    return holder_of(_lock_path(journal))


def _lock_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")
