"""The archive on its disk: the entries that are there, room for the next one, and whether the disk is there at all."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import sync_directory, write_synced
from inspectd.archive.ages import AgeClock
from inspectd.archive.files import remove_entry, write_entry
from inspectd.archive.labels import with_suffix
from inspectd.archive.layout import LABEL, MAP, MARKER, PICTURE, RECORD, UNFINISHED, EntryName, Kept, days
from inspectd.archive.stock import Item, Stock
from inspectd.errors import ArchiveError
from inspectd.settings.archive import ArchiveSettings
from inspectd.wire.models import Verdict

MOST_REMOVED: Final = 64
"""Entries in one step, so that a step is short however much there is to remove."""
_BLOCK: Final = 4096
_DAY_S: Final = 86400.0
_SUFFIXES: Final = (LABEL, MAP, PICTURE, RECORD)  # the label's ends as the record's does, so it comes first


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
        self.bytes = 0
        """Of all entries."""
        self.free_bytes = 0
        """Room left on the file system."""

    def write(self, kept: Kept, verdict: Verdict, files: dict[str, bytes]) -> None:
        """Keep a frame as these files, durably, and make room for it.

        Raises:
            OSError, ArchiveError: not just now.
        """
        self._be_there()
        size = sum(_on_disk(len(data)) for data in files.values())
        self._make_room(size)
        name = EntryName(self._number_of(verdict.journal), verdict.sequence, kept)
        day = verdict.captured_utc.partition("T")[0]
        written_s = self._clock.now_s()
        write_entry(self._path / day / verdict.camera / str(name), files, written_s)
        self._stock.add(Item(name, day, verdict.camera, size, written_s))
        self._measure()

    def tend(self) -> None:
        """Remove what is too old or too much, some at a time; find out whether it can be written to.

        Raises:
            OSError, ArchiveError: it cannot.
        """
        self._be_there()
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
            self._stock = self._take_stock()
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
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError("another daemon fills this archive; set another path") from None

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

    def _take_stock(self) -> Stock:
        """Count what is there, and remove what a crash has left unfinished."""
        stock, newest_s = Stock(), None
        for day in days(self._path):
            for camera in [entry for entry in day.iterdir() if entry.is_dir()]:
                for item, labelled in _swept(camera):
                    stock.add(item, labelled=labelled)
                    newest_s = max(item.written_s, newest_s or 0.0)
        if newest_s is not None:
            self._clock.begin(newest_s)
        return stock

    def _make_room(self, more: int) -> None:
        """Room for so many bytes more, or a step towards it.

        Raises:
            ArchiveError: nothing is left that could be removed.
        """
        self._remove_while(lambda: self._stock.least_needed() if self._full(more) else None)
        if (full := self._full(more)) and self._stock.least_needed() is None:
            raise ArchiveError(full)

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
            removed = remove_entry(self._path / item.day / item.camera / str(item.name))
            self._stock.drop(item, labelled=not removed)

    def _measure(self) -> None:
        disk = os.statvfs(self._path)
        if disk.f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        self.free_bytes = disk.f_bavail * disk.f_frsize
        self.bytes = self._stock.bytes


def _swept(camera: Path) -> Iterator[tuple[Item, bool]]:
    """The whole entries of a camera's day, and whether each is labelled. What is left of others is removed."""
    stems: dict[str, dict[str, os.stat_result]] = defaultdict(dict)
    with os.scandir(camera) as listing:
        for entry in listing:
            if entry.name.startswith(UNFINISHED):
                Path(entry.path).unlink()
                continue
            for suffix in _SUFFIXES:
                if entry.name.endswith(suffix):
                    stems[entry.name.removesuffix(suffix)][suffix] = entry.stat()
                    break
    for stem, files in stems.items():
        name = EntryName.parse(stem)
        if name is None:  # somebody else's
            continue
        if RECORD in files and PICTURE in files:
            size = sum(_on_disk(file.st_size) for file in files.values())
            yield Item(name, camera.parent.name, camera.name, size, files[RECORD].st_mtime), LABEL in files
        else:
            for suffix in (RECORD, PICTURE, MAP):
                with suppress(FileNotFoundError):
                    with_suffix(camera / stem, suffix).unlink()


def _on_disk(length: int) -> int:
    """What a file of so many bytes takes, about."""
    return -(-length // _BLOCK) * _BLOCK
