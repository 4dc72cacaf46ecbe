"""The archive on its disk: the entries that are there, room for the next one, and whether the disk is there at all."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import sync_directory, write_synced
from inspectd.archive.ages import AgeClock
from inspectd.archive.counting import Found, found, on_disk
from inspectd.archive.files import Files, remove_entry, write_entry
from inspectd.archive.labels import with_suffix
from inspectd.archive.layout import LABEL, MARKER, RECORD, UNFINISHED, EntryName, Kept
from inspectd.archive.stock import Item, Stock
from inspectd.errors import ArchiveError
from inspectd.lock import locked_now
from inspectd.settings.archive import ArchiveSettings
from inspectd.wire.models import Verdict

MOST_REMOVED: Final = 64
"""Entries in one step, so that a step is short however much there is to remove."""
LABELS_LOOKED_AT: Final = 64
"""In one step: whether what was labelled still is."""
COUNTING_S: Final = 0.002
"""How long one step looks for what is there: less than Python lets a thread go on for that another one waits for."""
_DAY_S: Final = 86400.0
_ALL: Final = object()
"""All was counted."""


class _Marker(BaseModel):
    """`archive.json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    archive: Literal[1] = 1
    """Version of the layout."""
    id: str
    journals: tuple[str, ...] = ()
    """Those whose verdicts are here, in the order in which they came."""

    def to_json(self) -> bytes:
        return (self.model_dump_json(indent=1) + "\n").encode()


class Store:
    """For one thread; the figures for any. What raises OSError or ArchiveError may be tried again."""

    def __init__(self, settings: ArchiveSettings, clock: AgeClock) -> None:
        self._path = Path(settings.path)
        self._settings = settings
        self._clock = clock
        self._directory: int | None = None
        self._device: int | None = None
        self._marker = _Marker(id="")
        self._stock = Stock()
        self._uncounted: Iterator[Found | None] | None = None
        self._fresh: set[EntryName] = set()
        self.bytes = 0
        """Of all entries that were counted."""
        self.free_bytes = 0
        """Room left on the file system."""

    def write(self, kept: Kept, verdict: Verdict, files: Files) -> None:
        """Keep a frame as these files, durably, and make room for it.

        Raises:
            OSError, ArchiveError: not just now.
        """
        self._be_there()
        size = sum(on_disk(len(data)) for data in files.values())
        self._make_room(size)
        name = EntryName(self._number_of(verdict.journal), verdict.sequence, kept)
        day = verdict.captured_utc.partition("T")[0]
        written_s = self._clock.now_s()
        os.utime(self._path / MARKER, (written_s, written_s))
        if self._uncounted is not None:
            self._fresh.add(name)
        write_entry(self._path / day / verdict.camera / str(name), files, written_s)
        self._stock.add(Item(name, day, verdict.camera, size, written_s))
        self._measure()

    @property
    def counting(self) -> bool:
        """Whether it still finds out what is there, some of it with each `tend`."""
        return self._uncounted is not None

    def tend(self) -> None:
        """Remove what is too old or too much, some at a time; find out whether it can be written to.

        Raises:
            OSError, ArchiveError: it cannot.
        """
        self._be_there()
        self._count()
        self._look_at_labels()
        oldest_s = self._clock.now_s() - self._settings.max_age_days * _DAY_S
        self._remove_while(lambda: self._stock.written_before(oldest_s))
        self._make_room(0)

    def close(self) -> None:
        """Let the archive go. May be called more than once."""
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    # Being there

    def _be_there(self) -> None:
        if self._directory is not None and not self._is_same(self._directory):
            self.close()
        if self._directory is None:
            self._open()

    def _is_same(self, directory: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(directory))
        except OSError:
            return False

    def _open(self) -> None:
        self._check_disk()
        with suppress(FileExistsError):
            self._path.mkdir()
            sync_directory(self._path.parent)
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._lock(directory)
            self._marker = self._read_marker()
            self._clock.begin((self._path / MARKER).stat().st_mtime)
            self._stock, self._fresh = Stock(), set()
            self._uncounted = found(self._path, self._fresh)
        except BaseException:
            os.close(directory)
            raise
        self._directory, self._device = directory, os.fstat(directory).st_dev
        self._measure()

    def _check_disk(self) -> None:
        """Where the disk of before is gone, what is found in its place is the mount point on another one."""
        there = self._path if self._path.exists() else self._path.parent
        if self._device in {None, there.stat().st_dev} or (self._path / MARKER).exists():
            return
        raise ArchiveError("its disk is gone; mount it, or restart the daemon to begin an archive on the one there is")

    def _lock(self, directory: int) -> None:
        if not locked_now(directory):
            raise ArchiveError("another daemon fills this archive; set another path")

    def _read_marker(self) -> _Marker:
        file = self._path / MARKER
        try:
            return _Marker.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            marker = _Marker(id=secrets.token_hex(8))
            self._write_marker(marker)
            return marker
        except ValidationError as error:
            raise ArchiveError(f"{file}: no archive of this release; set another path") from error

    def _write_marker(self, marker: _Marker) -> None:
        unfinished = self._path / f"{UNFINISHED}{MARKER}"
        write_synced(unfinished, marker.to_json(), "wb")
        now_s = self._clock.now_s()
        os.utime(unfinished, (now_s, now_s))
        unfinished.replace(self._path / MARKER)
        sync_directory(self._path)

    def _number_of(self, journal: str) -> int:
        known = self._marker.journals
        if journal not in known or not (self._path / MARKER).exists():
            marker = self._marker.model_copy(update={"journals": tuple(dict.fromkeys((*known, journal)))})
            self._write_marker(marker)
            self._marker = marker
        return self._marker.journals.index(journal) + 1

    # What is in it

    def _count(self) -> None:
        """Count some of what is there, oldest days first, and remove what a crash has left unfinished."""
        end_s = time.monotonic() + COUNTING_S
        while self._uncounted is not None:
            try:
                entry = next(self._uncounted, _ALL)
            except OSError:
                self.close()  # to begin anew when it is tried again
                raise
            if entry is _ALL:
                self._uncounted, self._fresh = None, set()
            elif isinstance(entry, Found):
                self._stock.add(entry.item, labelled=entry.labelled)
                self._clock.reach(entry.item.written_s)
            if time.monotonic() >= end_s:
                return

    def _look_at_labels(self) -> None:
        """Whether what was labelled still is: a label can be taken back, and an entry deleted by hand."""
        for _ in range(min(LABELS_LOOKED_AT, self._stock.labelled)):
            item = self._stock.next_labelled()
            labelled, there = (with_suffix(self._stem(item), suffix).exists() for suffix in (LABEL, RECORD))
            self._stock.drop_labelled()
            if there:
                self._stock.add(item, labelled=labelled)

    def _stem(self, item: Item) -> Path:
        return self._path / item.day / item.camera / str(item.name)

    def _make_room(self, more: int) -> None:
        """Room for so many bytes more, or a step towards it.

        Raises:
            ArchiveError: nothing is left that could be removed.
        """
        while True:
            self._remove_while(lambda: self._stock.least_needed() if self._full(more) else None)
            full = self._full(more)
            if full is None or self._stock.least_needed() is not None:
                return
            if self._uncounted is None:
                raise ArchiveError(full)
            self._count()  # there may be more than is known

    def _full(self, more: int) -> str | None:
        """Why there is no room for so many bytes more."""
        settings = self._settings
        self._measure()
        if self.bytes + more > settings.max_size_mb << 20:
            return f"max_size_mb = {settings.max_size_mb} is full of pictures that a person labelled; raise it"
        if self.free_bytes - more < settings.keep_free_mb << 20:
            left_mb = self.free_bytes >> 20
            return f"its disk has {left_mb} MiB left, and keep_free_mb = {settings.keep_free_mb} stay free; make room"
        return None

    def _remove_while(self, offered: Callable[[], Item | None]) -> None:
        """Remove what is offered, some at the most; what turns out to be labelled stays."""
        for _ in range(MOST_REMOVED):
            item = offered()
            if item is None:
                return
            removed = remove_entry(self._stem(item))
            self._stock.drop(item, labelled=not removed)

    def _measure(self) -> None:
        disk = os.statvfs(self._path)
        if disk.f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        self.free_bytes = disk.f_bavail * disk.f_frsize
        self.bytes = self._stock.bytes
