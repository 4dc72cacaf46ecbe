"""Reading the journal beside its writer: readers see the last commit and never hold the writer up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inspectd.closing import Closing
from inspectd.journal.file import journal_id, last_sequence, open_for_reading, told


class Bounds(NamedTuple):
    """What a journal holds."""

    first: int
    """The oldest number it still holds; 0 where it holds none."""
    last: int
    """The newest number ever made durable, held or not; 0 before the first."""


class JournalReader(Closing):
    """A read-only connection of its own. Belongs to the thread that made it.

    Raises:
        JournalError: there is no journal at `path`, or it cannot be read. So do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_for_reading(path)
        self.journal_id = journal_id(self._connection)
        """The journal's name on the wire."""

    def bounds(self) -> Bounds:
        """The numbers that can be asked for."""
        with told(self._path, "cannot be read"):
            first = self._connection.execute("SELECT min(sequence) FROM verdicts").fetchone()[0]
            return Bounds(first or 0, last_sequence(self._connection))

    def read(self, first: int, last: int, limit: int) -> Iterator[bytes]:
        """At most `limit` verdicts from `first` to `last`, both included, as published, by number.

        Take them without delay: while the iterator lives, the log cannot be emptied into the file.
        """
        with told(self._path, "cannot be read"):
            rows = self._connection.execute(
                "SELECT message FROM verdicts WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?",
                (first, last, limit),
            )
            try:
                for (message,) in rows:
                    yield message.encode()
            finally:
                rows.close()

    def close(self) -> None:
        """Close the connection. May be called more than once."""
        self._connection.close()
