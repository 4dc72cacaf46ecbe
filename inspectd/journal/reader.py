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

    def first_since(self, since_s: float) -> int | None:
        """The oldest number that was written at `since_s` (wall clock, s since 1970) or later; None where there is
        none. Where the clock was put back in between, that may be an earlier one than expected."""
        with told(self._path, "cannot be read"):
            row = self._connection.execute(
                "SELECT min(sequence) FROM verdicts WHERE written_s >= ?", (since_s,)
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def newest_s(self) -> int | None:
        """When the newest was written, wall clock, s since 1970; None where there is none."""
        with told(self._path, "cannot be read"):
            row = self._connection.execute("SELECT written_s FROM verdicts ORDER BY sequence DESC LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def changes(self) -> list[bytes]:
        """Every change of how frames are judged, by number, as published. None is ever removed."""
        with told(self._path, "cannot be read"):
            rows = self._connection.execute("SELECT message FROM changes ORDER BY sequence").fetchall()
        return [message.encode() for (message,) in rows]

    def close(self) -> None:
        """Close the connection. May be called more than once."""
        self._connection.close()
