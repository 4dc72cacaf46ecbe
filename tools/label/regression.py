"""The regression set: pictures of which a person has said what a bundle must say of them.

    <set>/2026-11-25_web_0123456789abcdef-000000123.png        the picture, byte for byte as in the archive
    <set>/2026-11-25_web_0123456789abcdef-000000123.area.png   what of it is inspected, where that is not all
    <set>/2026-11-25_web_0123456789abcdef-000000123.json       what it must be, who said so, and what was said when it
                                                               was taken

A case is there as long as its `.json` is. It stays when its entry leaves the archive. Its name has the id of the
journal and the verdict's number in it, which no other verdict of whatever line has: lines may share a set.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import replace_file
from inspectd.archive import Entry, Label, Opinion
from inspectd.archive.labels import what_to_do
from inspectd.wire.models import Outcome, Verdict
from tools.errors import OutputError, PictureError

FOLDER: Final = "regression"
"""Its name within an archive, unless another place is named."""
_CASE: Final = ".json"
_PICTURE: Final = ".png"
_AREA: Final = ".area.png"


class Lesson(StrEnum):
    """What a label says of the verdict."""

    MISS = "miss"
    """PASS, and defective."""
    DEFECT = "defect"
    """FAIL, and defective: it was found."""
    FALSE_ALARM = "false alarm"
    """FAIL, and good."""

    @property
    def expected(self) -> Outcome:
        """What a bundle must say of the picture."""
        return Outcome.PASS if self is Lesson.FALSE_ALARM else Outcome.FAIL


_LESSONS: Final = {
    (Outcome.PASS, Opinion.BAD): Lesson.MISS,
    (Outcome.FAIL, Opinion.BAD): Lesson.DEFECT,
    (Outcome.FAIL, Opinion.GOOD): Lesson.FALSE_ALARM,
}


def lesson_of(outcome: Outcome, opinion: Opinion | None) -> Lesson | None:
    """What there is to learn; None from a verdict that was right to pass, or that nobody could tell."""
    return None if opinion is None else _LESSONS.get((outcome, opinion))


class _CaseFile(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    regression: Literal[1] = 1
    """Version of the layout."""
    lesson: Lesson
    expected: Outcome
    surface: str
    entry: str
    """`Entry.id`."""
    label: Label
    verdict: Verdict
    """As it was given when the picture was taken."""
    has_area: bool = False
    """Whether not all of it is inspected."""


@dataclass(frozen=True)
class Case:
    """A picture that a bundle is tested on."""

    picture: Path
    lesson: Lesson
    surface: str
    label: Label
    verdict: Verdict
    area: Path | None
    """What of the picture is inspected; None for all."""

    @property
    def name(self) -> str:
        """Of its files."""
        return self.picture.stem


class RegressionSet:
    """In a directory, which is made when the first case comes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, entry: Entry, label: Label | None) -> None:
        """Keep the entry as a case, or keep it no longer, as its label says.

        Raises:
            ArchiveError: the entry is gone or cannot be read.
            OutputError: the set cannot be written.
        """
        verdict = entry.verdict()
        lesson = lesson_of(verdict.outcome, None if label is None else label.opinion)
        try:
            if lesson is None or label is None:
                self._remove(_stem(entry.day, verdict))
            else:
                area = entry.area()
                case = _CaseFile(
                    lesson=lesson,
                    expected=lesson.expected,
                    surface=verdict.surface,
                    entry=entry.id,
                    label=label,
                    verdict=verdict,
                    has_area=area is not None,
                )
                self._write(_stem(entry.day, verdict), case, entry.png(), area)
        except OSError as error:
            to_do = what_to_do(error, "name another one with --regression")
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}; {to_do}") from error

    def cases(self) -> list[Case]:
        """All of them, by name.

        Raises:
            PictureError: there is no such directory, or a case is damaged.
        """
        if not self.path.is_dir():
            raise PictureError(f"{self.path}: no such regression set; 'inspectd-train label' makes one")
        return [_read(file) for file in sorted(self.path.glob(f"*{_CASE}"))]

    def _write(self, stem: str, case: _CaseFile, png: bytes, area: bytes | None) -> None:
        self.path.mkdir(exist_ok=True)
        known = (self.path / f"{stem}{_CASE}").exists()
        files = {_PICTURE: png} | ({} if area is None else {_AREA: area})
        files[_CASE] = (case.model_dump_json(indent=1) + "\n").encode()
        try:
            for suffix, data in files.items():
                replace_file(self.path / f"{stem}{suffix}", data)
        except OSError:
            if not known:
                with suppress(OSError):
                    self._remove(stem)
            raise

    def _remove(self, stem: str) -> None:
        for suffix in (_CASE, _PICTURE, _AREA):
            with suppress(FileNotFoundError):
                (self.path / f"{stem}{suffix}").unlink()


def _stem(day: str, verdict: Verdict) -> str:
    return f"{day}_{verdict.camera}_{verdict.journal}-{verdict.sequence:09d}"


def _read(file: Path) -> Case:
    try:
        told = _CaseFile.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise PictureError(
            f"{file}: no case of a regression set; label the picture again, or delete the file"
        ) from error
    area = file.with_suffix(_AREA) if told.has_area else None
    return Case(file.with_suffix(_PICTURE), told.lesson, told.surface, told.label, told.verdict, area)
