"""The daemon's side of the journal: one writer, one transaction and one sync for all verdicts that came together."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from inspectd.closing import Closing
from inspectd.errors import JournalError
from inspectd.journal.file import LOG_BYTES, journal_id, last_sequence, open_for_writing, pragma, told
from inspectd.journal.lock import JournalLock
from inspectd.journal.reader import JournalReader

DAY_S = 86_400.0
PRUNE_STEP_S = 0.02
"""A commit never waits longer than about this for old verdicts to be removed."""
PRUNE_ROWS = 64
"""Verdicts removed at a time."""
VACUUM_PAGES = 128
"""Pages given back at a time."""
SPARE_PAGES = 16
"""Removed beyond what a commit added, so that the file comes back below its limit."""
PAGES_BESIDE = 2
"""Most that a verdict takes beside those it fills: its rest begins one, and tables grow at one end."""

_Row = tuple[int, int, str]
"""Of `verdicts`."""
_INSERT = "INSERT INTO verdicts VALUES (?, ?, ?)"


class Journal(Closing):
    """Verdicts by sequence number. One writes; any thread may."""

    def __init__(self, path: Path, max_age_days: float, max_size_mb: int) -> None:
        """`max_size_mb` bounds the file and its write-ahead log together, MiB."""
        self.path = path
        self._max_age_s = max_age_days * DAY_S
        self._max_bytes = (max_size_mb << 20) - LOG_BYTES
        self._lock = JournalLock(path)
        self._using = threading.Lock()  # SQLite does not survive a close in the middle of a statement
        self._open: sqlite3.Connection | None = None
        self._page_bytes = 0
        self._max_pages = 0
        self._pages = 0  # at most so many are used; counting them at every commit would cost more
        self._first_of_life = 0
        self._opened_s = 0.0
        self.journal_id = ""
        """The journal's name on the wire; given when the file was made, known when it is open."""
        self.next_sequence = 0
        """The number of the verdict that is appended next; known when the journal is open."""

    def open(self) -> None:
        """Lock, open and check the file, making it where there is none.

        Raises:
            JournalError: another daemon holds it, or it cannot be used; the message says what to do.
        """
        self._lock.acquire()
        try:
            connection = open_for_writing(self.path)
        except BaseException:
            self._lock.release()
            raise
        self._open = connection
        self._page_bytes = pragma(connection, "page_size")
        self._max_pages = self._max_bytes // self._page_bytes
        self._pages = self._used_pages()
        self.journal_id = journal_id(connection)
        self.next_sequence = self._first_of_life = last_sequence(connection) + 1
        self._opened_s = time.monotonic()

    def append(self, first: int, messages: Sequence[bytes], changes: Mapping[int, str] | None = None) -> None:
        """Make verdicts durable, all of them or none; `first` is the number of the first one.

        `changes` has the ids of those among them that are changes, by number. The oldest verdicts give way in the same
        transaction where the file has reached its size.

        Raises:
            JournalError: they could not be written; nothing was, and the same call may be tried again.
        """
        now = int(time.time())
        rows = [(first + index, now, message.decode()) for index, message in enumerate(messages)]
        filled = sum(map(len, messages)) // self._page_bytes
        pages = self._pages + filled + len(rows) * PAGES_BESIDE
        with self._using, told(self.path, "cannot be written"):
            if first != self.next_sequence:
                raise JournalError(
                    f"journal.path = '{self.path}': number {first} does not follow {self.next_sequence - 1}"
                )
            if len(rows) == 1 and not changes and pages <= self._max_pages:
                self._connection.execute(_INSERT, rows[0])  # a transaction of its own
            else:
                with self._transaction():
                    self._add(rows, changes or {})
                    pages = self._give_way(2 * filled + SPARE_PAGES)
        self._pages = pages
        self.next_sequence = first + len(rows)

    def prune(self) -> None:
        """Remove some of what is too old or beyond the size, and give free space back; returns after a moment.

        Call it every second or so. What is left over is done by later calls.

        Raises:
            JournalError: the file could not be written.
        """
        end = time.monotonic() + PRUNE_STEP_S
        with self._using, told(self.path, "old verdicts cannot be removed"):
            if self._has_too_old():
                with self._transaction():
                    while time.monotonic() < end and self._remove_oldest(*self._too_old()):
                        pass
            if self._used_pages() > self._max_pages:
                with self._transaction():
                    while time.monotonic() < end and self._used_pages() > self._max_pages and self._remove_oldest():
                        pass
            shrinking = self._can_shrink()
            while time.monotonic() < end and self._can_shrink():
                # `execute` would stop after one page, since the statement yields rows without columns.
                self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            if shrinking:  # the file itself is cut only when the log goes into it
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def reader(self) -> JournalReader:
        """A reader for the calling thread, independent of this connection."""
        return JournalReader(self.path)

    def close(self) -> None:
        """Close the file and let the lock go. May be called more than once."""
        with self._using:
            if self._open is not None:
                self._open.close()
                self._open = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.open()
        return super().__enter__()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            raise JournalError(f"journal.path = '{self.path}': the journal is not open")
        return self._open

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors end the transaction by themselves
                connection.execute("ROLLBACK")
            raise

    def _add(self, rows: Sequence[_Row], changes: Mapping[int, str]) -> None:
        self._connection.executemany(_INSERT, rows)
        if changes:
            kept = [(name, number, rows[number - rows[0][0]][2]) for number, name in changes.items()]
            self._connection.executemany("INSERT INTO changes VALUES (?, ?, ?)", kept)

    def _used_pages(self) -> int:
        return pragma(self._connection, "page_count") - pragma(self._connection, "freelist_count")

    def _can_shrink(self) -> bool:
        """Free pages are kept for the verdicts to come as long as the file is within its size."""
        too_large = pragma(self._connection, "page_count") > self._max_pages
        return too_large and pragma(self._connection, "freelist_count") > 0

    def _give_way(self, most_pages: int) -> int:
        """Remove the oldest until the size is kept, but no more than `most_pages`: a commit must stay short. Returns
        the pages that are then used."""
        start = used = self._used_pages()
        while self._max_pages < used and start - used < most_pages and self._remove_oldest():
            used = self._used_pages()
        return used

    def _remove_oldest(self, below: int | None = None, before_s: float = math.inf) -> bool:
        """Remove a few of the oldest: those numbered below `below` and written before `before_s`.

        What a transaction adds itself stays in any case: it has not been published yet.
        """
        removed = self._connection.execute(
            "DELETE FROM verdicts WHERE written_s < ? AND sequence IN "
            "(SELECT sequence FROM verdicts WHERE sequence < ? ORDER BY sequence LIMIT ?)",
            (before_s, self.next_sequence if below is None else below, PRUNE_ROWS),
        )
        return removed.rowcount > 0

    def _too_old(self) -> tuple[int, float]:
        """Below which number and before which time verdicts are too old.

        A PC may wake in 1970 and learn the time later: what this life wrote is not older than this life.
        """
        long_lived = time.monotonic() - self._opened_s >= self._max_age_s
        return (self.next_sequence if long_lived else self._first_of_life), time.time() - self._max_age_s

    def _has_too_old(self) -> bool:
        below, before_s = self._too_old()
        oldest = self._connection.execute(
            "SELECT sequence, written_s FROM verdicts ORDER BY sequence LIMIT 1"
        ).fetchone()
        return oldest is not None and oldest[0] < below and oldest[1] < before_s
