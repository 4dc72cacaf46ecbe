"""Looking at an archive, from any process, while the daemon writes to it and removes from it.

    reader = ArchiveReader(Path("/var/lib/inspectd/archive"))
    for entry in reader.entries(kept={Kept.FAIL}, newest_first=True):
        try:
            verdict, pixels, distance_map = entry.verdict(), entry.picture(), entry.distance_map()
        except EntryGoneError:  # removed meanwhile, to make room
            continue

`entries` lists names, which is quick for hundreds of thousands; only to choose by time or label it looks into files.
What an entry is asked for is read from the disk when it is asked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import ValidationError

from inspectd.archive.areas import AREA
from inspectd.archive.labels import Label, Opinion, read_label, with_suffix, write_label
from inspectd.archive.layout import MAP, PICTURE, RECORD, EntryName, Kept, days, is_day
from inspectd.archive.record import Record
from inspectd.errors import ArchiveError, EntryGoneError
from inspectd.settings.section import NAME
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Outcome, Verdict


@dataclass(frozen=True)
class Entry:
    """A picture with its map and its verdict."""

    name: EntryName
    directory: Path
    """`<archive>/<day>/<camera>`."""

    @property
    def id(self) -> str:
        """Names it within its archive: `2026-11-25/web/1-000000123-FAIL`."""
        return f"{self.day}/{self.camera}/{self.name}"

    @property
    def camera(self) -> str:
        """Name of the camera."""
        return self.directory.name

    @property
    def day(self) -> str:
        """Of the capture, UTC: `2026-11-25`."""
        return self.directory.parent.name

    @property
    def stem(self) -> Path:
        """Its files' path, without what comes after the name."""
        return self.directory / str(self.name)

    @property
    def picture_file(self) -> Path:
        """The PNG."""
        return with_suffix(self.stem, PICTURE)

    @cached_property
    def record(self) -> Record:
        """What was written of it.

        Raises:
            EntryGoneError: it was removed meanwhile.
            ArchiveError: it cannot be read.
        """
        data = self._read(RECORD)
        try:
            return Record.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]
            raise ArchiveError(f"{with_suffix(self.stem, RECORD)}: {problem['loc']}: {problem['msg']}") from error

    def verdict(self) -> Verdict:
        """The verdict as it was published. Errors as of `record`."""
        return self.record.verdict

    def captured(self) -> datetime:
        """When the camera delivered it, by the clock of the daemon's PC. Errors as of `record`."""
        return datetime.fromisoformat(self.verdict().captured_utc)

    def png(self) -> bytes:
        """The picture's file. Errors as of `record`, and `ArchiveError` where the frame has none."""
        if not self.record.has_picture:
            raise ArchiveError(f"{self.id}: has no picture: {self.verdict().detail}")
        return self._read(PICTURE)

    def picture(self) -> NDArray[np.uint8]:
        """The picture, H×W×3 RGB; a grey one has three equal channels. Errors as of `png`."""
        decoded = cv2.imdecode(np.frombuffer(self.png(), np.uint8), cv2.IMREAD_COLOR_RGB)
        if decoded is None:
            raise ArchiveError(f"{self.picture_file}: no whole picture; the file was damaged")
        return np.asarray(decoded, np.uint8)

    def distance_map(self) -> MapDraft | None:
        """The map that was judged; None where there was none. Errors as of `record`."""
        if not self.record.has_map:
            return None
        with self._map_file() as arrays:
            return MapDraft(arrays["distance"].astype(np.float32), int(arrays["cell"]))

    def area(self) -> bytes | None:
        """What of the picture was inspected, as `inspectd.archive.areas.decode_area` reads it; None for all, or where
        nothing was judged. Errors as of `record`."""
        if not self.record.has_map:
            return None
        with self._map_file() as arrays:
            return arrays[AREA].tobytes() if AREA in arrays else None

    @contextmanager
    def _map_file(self) -> Iterator[NpzFile]:
        file = io.BytesIO(self._read(MAP))
        try:
            with np.load(file, allow_pickle=False) as arrays:
                yield arrays
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ArchiveError(f"{with_suffix(self.stem, MAP)}: no map; the file was damaged") from error

    def label(self) -> Label | None:
        """What a person said of it.

        Raises:
            ArchiveError: the label cannot be read.
        """
        return read_label(self.stem)

    def set_label(self, label: Label | None) -> None:
        """Label it, durably, in place of what it was labelled; None takes its label away.

        Raises:
            EntryGoneError: it was removed meanwhile.
            ArchiveError: it cannot be written.
        """
        write_label(self.stem, label)

    def _read(self, suffix: str) -> bytes:
        file = with_suffix(self.stem, suffix)
        try:
            return file.read_bytes()
        except FileNotFoundError as error:
            raise EntryGoneError(f"{self.id}: no longer in the archive; it was removed to make room") from error
        except OSError as error:
            raise ArchiveError(f"{file}: cannot be read: {error.strerror}") from error


class ArchiveReader:
    """An archive to look at. It holds nothing open."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            ArchiveError: there is no such directory.
        """
        if not path.is_dir():
            raise ArchiveError(f"{path}: no such archive; give the directory that archive.path names")
        self.path = path

    def entries(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        first: int | None = None,
        last: int | None = None,
        cameras: Collection[str] | None = None,
        outcomes: Collection[Outcome] | None = None,
        kept: Collection[Kept] | None = None,
        opinions: Collection[Opinion | None] | None = None,
        newest_first: bool = False,
    ) -> Iterator[Entry]:
        """The entries that are there now, in the order of their verdicts.

        Args:
            since: only frames captured then or later; aware of its time zone, as `until`.
            until: only frames captured before.
            first: only verdicts with this number or a larger one.
            last: only verdicts with this number or a smaller one.
            cameras: only these.
            outcomes: only these.
            kept: only those kept for these reasons.
            opinions: only those that were labelled so; None stands for not labelled.
            newest_first: the other way round.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        window = _Window(since, until)
        found = [
            entry
            for entry in self._listed(cameras, window)
            if (first is None or entry.name.sequence >= first)
            and (last is None or entry.name.sequence <= last)
            and (outcomes is None or entry.name.kept.outcome in outcomes)
            and (kept is None or entry.name.kept in kept)
        ]
        for entry in sorted(found, key=lambda entry: entry.name, reverse=newest_first):
            if _answers(entry, window, opinions):
                yield entry

    def entry(self, entry_id: str) -> Entry:
        """The entry of this `Entry.id`.

        Raises:
            EntryGoneError: there is none.
        """
        day, _, rest = entry_id.partition("/")
        camera, _, stem = rest.partition("/")
        name = EntryName.parse(stem)
        if name is not None and is_day(day) and re.fullmatch(NAME, camera):  # so that nothing else can be named
            entry = Entry(name, self.path / day / camera)
            if with_suffix(entry.stem, RECORD).exists():
                return entry
        raise EntryGoneError(f"{entry_id}: not in the archive")

    def _listed(self, cameras: Collection[str] | None, window: _Window) -> Iterator[Entry]:
        try:
            chosen = [day for day in days(self.path) if window.may_hold(day.name)]
        except OSError as error:
            raise ArchiveError(f"{self.path}: cannot be read: {error.strerror}") from error
        for day in chosen:
            for directory in _listing(day):
                if cameras is None or directory.name in cameras:
                    for file in _listing(directory):
                        name = EntryName.parse(file.name.removesuffix(RECORD)) if file.name.endswith(RECORD) else None
                        if name is not None:
                            yield Entry(name, directory)


@dataclass(frozen=True)
class _Window:
    """From one moment to another."""

    since: datetime | None
    until: datetime | None

    def may_hold(self, day: str) -> bool:
        return (self.since is None or day >= self.since.astimezone(UTC).date().isoformat()) and (
            self.until is None or day <= self.until.astimezone(UTC).date().isoformat()
        )

    def holds(self, entry: Entry) -> bool:
        return (self.since is None or entry.captured() >= self.since) and (
            self.until is None or entry.captured() < self.until
        )


def _answers(entry: Entry, window: _Window, opinions: Collection[Opinion | None] | None) -> bool:
    """Whether what its files say is what was asked for; not where it has vanished, or they cannot be read."""
    try:
        return window.holds(entry) and (opinions is None or _opinion(entry) in opinions)
    except ArchiveError:
        return False


def _opinion(entry: Entry) -> Opinion | None:
    label = entry.label()
    return None if label is None else label.opinion


def _listing(directory: Path) -> list[Path]:
    """What is in it; nothing where it is gone, or no directory."""
    try:
        return list(directory.iterdir())
    except OSError:
        return []
