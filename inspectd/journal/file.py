"""The journal's file: how it is made, opened and checked, and what SQLite's complaints mean to its owner."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engines.durable import sync_directory
from inspectd.errors import JournalError

APPLICATION_ID: Final = 0x696E7370
"""Marks the file as ours ("insp"), as SQLite's own header field provides for."""
SCHEMA_VERSION: Final = 3

BUSY_TIMEOUT_S = 0.5
"""How long to wait for somebody's lock, such as an operator's shell; the daemon's heartbeat must not wait longer."""
CHECKPOINT_PAGES = 512
"""The write-ahead log goes into the file when it holds this many pages, 2 MiB."""
LOG_BYTES = 4 << 20
"""Room set aside for the write-ahead log, which is cut back to half of it."""

# A number does not come again even when every row is gone: whoever removes the newest, an operator with a shell too,
# leaves its number in `journal`. AUTOINCREMENT would write a page of its own for that with every verdict.
_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE verdicts (
    sequence INTEGER PRIMARY KEY,
    written_s INTEGER NOT NULL,  -- wall clock, s since 1970
    message TEXT NOT NULL        -- the verdict or change as it was published, JSON
);
CREATE TABLE changes (         -- of how frames are judged; they are few, and stay when old verdicts go
    id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    message TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE journal (
    id TEXT NOT NULL,
    last INTEGER NOT NULL        -- no number up to here comes again, though its verdict is gone
);
INSERT INTO journal VALUES ('{identity}', 0);
CREATE TRIGGER newest_removed AFTER DELETE ON verdicts
WHEN NOT EXISTS (SELECT 1 FROM verdicts WHERE sequence > OLD.sequence)
BEGIN
    UPDATE journal SET last = max(last, OLD.sequence);
END;
PRAGMA application_id = {application_id};
PRAGMA user_version = {schema_version};
COMMIT;
"""

_WAYS_OUT = {
    "SQLITE_FULL": "the disk is full; make room, or move the journal to another disk",
    "SQLITE_NOTADB": "this is no SQLite file; set another path, or move the file away",
    "SQLITE_CORRUPT": (
        "the file is damaged; move it and its -wal and -shm away. A new journal is then begun, its numbers start at 1, "
        "and clients are told so"
    ),
    "SQLITE_READONLY": "the file or its directory is read-only; give the user that runs the daemon the right to write",
    "SQLITE_CANTOPEN": "it cannot be opened; its directory must exist, and the user that runs the daemon must own it",
    "SQLITE_BUSY": "another program holds the file locked; end it",
    "SQLITE_IOERR": "the disk reports an error; check the disk and its file system (dmesg)",
}


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Turn SQLite's errors into a JournalError that names the file, what was tried, and the way out."""
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes, such as SQLITE_IOERR_FSYNC, begin with the name of the plain one.
        name = getattr(error, "sqlite_errorname", "")
        way_out = next((text for prefix, text in _WAYS_OUT.items() if name.startswith(prefix)), "")
        cause = f"{error} ({name})" if name else str(error)
        raise JournalError(f"journal.path = '{path}': {what}: {cause}" + (f": {way_out}" if way_out else "")) from error


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the journal, making it where there is none. The connection may be handed from thread to thread.

    Raises:
        JournalError: it is no journal, is damaged, cannot be written, or lies where SQLite's log does not work.
    """
    with told(path, "cannot be opened"):
        connection = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            if _is_empty(connection):
                connection.executescript(_schema())
                # SQLite makes the names of its logs durable, not that of the file itself.
                sync_directory(path.parent)
            _check(connection, path)
            _configure(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a journal that exists, for one thread, read-only.

    Raises:
        JournalError: as for writing.
    """
    with told(path, "cannot be opened"):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", BUSY_TIMEOUT_S, uri=True)
        try:
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def journal_id(connection: sqlite3.Connection) -> str:
    """The name this journal was given when it was made."""
    row = connection.execute("SELECT id FROM journal").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("the journal's name is missing; the file is damaged")
    return str(row[0])


def last_sequence(connection: sqlite3.Connection) -> int:
    """The largest number ever given; 0 before the first."""
    row = connection.execute(
        "SELECT max(last, (SELECT ifnull(max(sequence), 0) FROM verdicts)) FROM journal"
    ).fetchone()
    return int(row[0])


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """A number that SQLite keeps of the file."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _schema() -> str:
    return _SCHEMA.format(identity=secrets.token_hex(8), application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]) == 0


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalError(f"journal.path = '{path}': this SQLite file was made by another program; set another path")
    version = pragma(connection, "user_version")
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"journal.path = '{path}': its schema has version {version}, this release knows {SCHEMA_VERSION}; "
            "use the release that made it, or set another path"
        )
    journal_id(connection)
    last_sequence(connection)


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise JournalError(
            f"journal.path = '{path}': its file system cannot do write-ahead logging (SQLite answers '{mode}'); "
            "put the journal on a local disk"
        )
    # In WAL mode, NORMAL would not sync at commit: a verdict published could be gone after a power cut. FULL syncs.
    connection.execute("PRAGMA synchronous = FULL")
    # It only appends; a large page cache would but grow for the first thousands of verdicts.
    connection.execute("PRAGMA cache_size = -256")
    # What the trigger may have to undo would else go through a file in /tmp.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES // 2}")
    # Shows now, rather than at the first verdict, whether it can be written.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")
