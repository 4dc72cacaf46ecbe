"""Names in an archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Self

from inspectd.wire.models import Outcome

MARKER: Final = "archive.json"
"""At the top of an archive: which one it is, and which journals it has seen."""
PICTURE: Final = ".png"
MAP: Final = ".map.npz"
RECORD: Final = ".json"
LABEL: Final = ".label.json"
UNFINISHED: Final = ".writing-"
"""Begins the name of a file that is being written."""

_STEM: Final = re.compile(r"([1-9][0-9]*)-([0-9]{9,})-(PASS-sample|PASS-near|ERROR|FAIL)")


class Kept(StrEnum):
    """Why an entry is kept. Those needed least come first."""

    SAMPLE = "PASS-sample"
    """One PASS of many."""
    NEAR = "PASS-near"
    """The PASS that came nearest to the threshold, of many."""
    ERROR = "ERROR"
    """An ERROR with a picture."""
    FAIL = "FAIL"
    """A FAIL."""

    @property
    def outcome(self) -> Outcome:
        """Of its verdict."""
        return Outcome(self.partition("-")[0])


class EntryName(NamedTuple):
    """What an entry's name says. Names sort in the order in which the verdicts were given."""

    journal: int
    """The place of the verdict's journal among those that the archive has seen, from 1."""
    sequence: int
    """The verdict's number in that journal."""
    kept: Kept

    @classmethod
    def parse(cls, stem: str) -> Self | None:
        """The name without what comes after it; None where it is none."""
        found = _STEM.fullmatch(stem)
        return None if found is None else cls(int(found[1]), int(found[2]), Kept(found[3]))

    def __str__(self) -> str:
        return f"{self.journal}-{self.sequence:09d}-{self.kept}"


def days(archive: Path) -> Iterator[Path]:
    """The directories of days, in no order.

    Raises:
        OSError: the archive cannot be read.
    """
    for entry in archive.iterdir():
        if is_day(entry.name) and entry.is_dir():
            yield entry


def is_day(name: str) -> bool:
    """Whether a directory of this name is a day's: `2026-11-25`."""
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
