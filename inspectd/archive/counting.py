"""Finding out what an archive holds, a little at a time: it may be a million entries, while the line inspects.

What is remembered of a directory while it is listed is numbers by name, in dictionaries of nothing else: Python's
garbage collector passes those over, and would stop the line for long to look through as many objects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from inspectd.archive.labels import with_suffix
from inspectd.archive.layout import LABEL, MAP, PICTURE, RECORD, UNFINISHED, EntryName, Kept, days
from inspectd.archive.stock import Item

FILES_A_TURN: Final = 16
"""Listed before it is asked how long that took."""
_BLOCK: Final = 4096
_SUFFIXES: Final = (LABEL, MAP, PICTURE, RECORD)  # the label's ends as the record's does, so it comes first


class Found(NamedTuple):
    """A whole entry."""

    item: Item
    labelled: bool


def found(archive: Path, fresh: Set[EntryName]) -> Iterator[Found | None]:
    """All whole entries but the `fresh` ones, which were written meanwhile, oldest days first; None now and then, while
    it searches. What is left of others is removed.

    Raises:
        OSError: the archive cannot be read.
    """
    for day in sorted(days(archive)):
        for camera in _directories(day):
            yield from _swept(camera, fresh)


def on_disk(length: int) -> int:
    """What a file of so many bytes takes, in bytes, about."""
    return -(-length // _BLOCK) * _BLOCK


def _directories(day: Path) -> list[Path]:
    with suppress(FileNotFoundError):  # its last entry was removed meanwhile
        return [entry for entry in day.iterdir() if entry.is_dir()]
    return []


class _Listed:
    """The files of a camera's day."""

    def __init__(self) -> None:
        self.stems: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._written_s: dict[str, float] = {}

    def add(self, entry: os.DirEntry[str]) -> None:
        """One of them; what a crash left unfinished is removed."""
        try:
            if entry.name.startswith(UNFINISHED):
                Path(entry.path).unlink()
                return
            for suffix in _SUFFIXES:
                if entry.name.endswith(suffix):
                    stem, file = entry.name.removesuffix(suffix), entry.stat()
                    self.stems.add(stem)
                    self._sizes[entry.name] = on_disk(file.st_size)
                    if suffix == RECORD:
                        self._written_s[stem] = file.st_mtime
                    return
        except FileNotFoundError:  # removed meanwhile
            return

    def take(self, name: EntryName, stem: str, day: str, camera: str) -> Found | None:
        """The entry of this name, which is forgotten; None where it is not whole."""
        sizes = {suffix: self._sizes.pop(f"{stem}{suffix}", None) for suffix in _SUFFIXES}
        written_s = self._written_s.pop(stem, None)
        # A damaged frame has no picture.
        if written_s is None or (sizes[PICTURE] is None and name.kept is not Kept.ERROR):
            return None
        size = sum(size for size in sizes.values() if size is not None)
        return Found(Item(name, day, camera, size, written_s), sizes[LABEL] is not None)


def _swept(directory: Path, fresh: Set[EntryName]) -> Iterator[Found | None]:
    """Those of a camera's day; see `found`."""
    day, camera = directory.parent.name, directory.name
    listed = _Listed()
    with suppress(FileNotFoundError), os.scandir(directory) as listing:
        for number, entry in enumerate(listing):
            listed.add(entry)
            if number % FILES_A_TURN == 0:
                yield None
    while listed.stems:
        stem = listed.stems.pop()
        name = EntryName.parse(stem)
        if name is None or name in fresh:  # somebody else's, or known
            continue
        whole = listed.take(name, stem, day, camera)
        if whole is None:
            for suffix in (RECORD, PICTURE, MAP):
                with suppress(FileNotFoundError):
                    with_suffix(directory / stem, suffix).unlink()
        yield whole
