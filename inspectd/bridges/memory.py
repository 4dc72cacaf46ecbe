"""What was taken last, so that a bridge that was killed goes on where it stopped.

A row in SQLite: whole after a kill at any moment and after a power cut. A commit reaches the kernel, so no kill can
undo it; a power cut may undo the last ones, whose verdicts are then offered once more, under the same tickets.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from inspectd.bridges.handover import Position
from inspectd.closing import Closing
from inspectd.errors import BridgeStateError


class Memory(Closing):
    """One bridge's file; no other bridge can use it meanwhile. To be closed."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            BridgeStateError: it cannot be opened, is no such file, or another bridge uses it.
        """
        self._path = path
        try:
            # Its one user is the bridge's one thread; a second bridge is told at once.
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        except sqlite3.Error as error:
            raise self._problem(error) from error
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS taken"
                " (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), series INTEGER, journal TEXT, sequence INTEGER)"
            )
        except sqlite3.Error as error:
            self._connection.close()
            raise self._problem(error) from error

    def recall(self) -> Position | None:
        """What was taken last; None where nothing was.

        Raises:
            BridgeStateError: the file cannot be read.
        """
        try:
            row = self._connection.execute("SELECT series, journal, sequence FROM taken").fetchone()
        except sqlite3.Error as error:
            raise self._problem(error) from error
        return None if row is None else Position(*row)

    def remember(self, position: Position) -> None:
        """Keep what was taken last.

        Raises:
            BridgeStateError: the file cannot be written.
        """
        try:
            self._connection.execute("REPLACE INTO taken VALUES (1, ?, ?, ?)", position)
        except sqlite3.Error as error:
            raise self._problem(error) from error

    def _problem(self, error: sqlite3.Error) -> BridgeStateError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return BridgeStateError(f"{self._path}: another bridge uses it; give each its own --state")
        return BridgeStateError(f"{self._path}: {error}; --state must name a file that this bridge may write")

    def close(self) -> None:
        """Close the file. May be called more than once."""
        self._connection.close()
