"""What people said of archived pictures: false alarms to learn from, and cases that the new bundle is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from inspectd.archive import ArchiveReader, Opinion
from inspectd.wire.models import Outcome
from tools.errors import PictureError
from tools.fit.pictures import PictureFile, find_cases, find_picked
from tools.label.regression import FOLDER, Case, Lesson, RegressionSet

if TYPE_CHECKING:
    from tools.fit.frames import Judged

_WORDS = {Lesson.MISS: "misses", Lesson.DEFECT: "defects", Lesson.FALSE_ALARM: "false alarms"}


@dataclass(frozen=True)
class Lessons:
    """Of the surface that is learned."""

    false_alarms: list[PictureFile] = field(default_factory=list)
    """Good pictures that failed."""
    cases: list[Case] = field(default_factory=list)
    pictures: list[PictureFile] = field(default_factory=list)
    """Of the cases."""


@dataclass(frozen=True)
class Tested:
    """A case, and what the new bundle says of it."""

    case: Case
    score: float
    threshold: float

    @property
    def outcome(self) -> Outcome:
        """As the daemon would say."""
        return Outcome.FAIL if self.score >= self.threshold else Outcome.PASS

    @property
    def right(self) -> bool:
        """Whether it is what a person said."""
        return self.outcome is self.case.lesson.expected

    @property
    def lost(self) -> bool:
        """A defect that was found when the picture was taken, and no longer is."""
        return self.case.lesson is Lesson.DEFECT and not self.right


def find_lessons(labels: Path | None, regression: Path | None, surface: str, *, skip: bool) -> Lessons:
    """Read the labelled pictures of an archive, and a regression set.

    Args:
        labels: the archive.
        regression: the set; by default the archive's own, where it has one.
        surface: only pictures of this one are taken.
        skip: leave out pictures that cannot be used.

    Raises:
        ArchiveError: the archive cannot be read.
        PictureError: pictures that cannot be used, or all of them show another surface.
    """
    if regression is None and labels is not None and (labels / FOLDER).is_dir():
        regression = labels / FOLDER
    cases = [] if regression is None else RegressionSet(regression).cases()
    alarms = [] if labels is None else _false_alarms(labels)
    _check_surface(
        labels or regression, {alarm.surface for alarm in alarms} | {case.surface for case in cases}, surface
    )
    areas = {alarm.picture: alarm.area for alarm in alarms if alarm.surface == surface}
    cases = [case for case in cases if case.surface == surface]
    return Lessons(
        _with_areas(find_picked(list(areas), labels, skip=skip), areas) if labels and areas else [],
        cases,
        _with_areas(find_cases([case.picture for case in cases], regression), _areas_of(cases))
        if regression and cases
        else [],
    )


def put_to_test(lessons: Lessons, judged: Sequence[Judged], threshold: float) -> list[Tested]:
    """What came of the cases."""
    pairs = zip(lessons.cases, judged, strict=True)
    return [Tested(case, each.score, threshold) for case, each in pairs]


def figures(results: Sequence[Tested]) -> dict[str, float]:
    """For the manifest: how many cases there are, and which share is as it must be."""
    measured: dict[str, float] = {}
    for lesson, words in _WORDS.items():
        of_kind = [each for each in results if each.case.lesson is lesson]
        if of_kind:
            name = f"regression_{words.replace(' ', '_')}"
            measured[name] = len(of_kind)
            measured[f"{name}_right"] = sum(each.right for each in of_kind) / len(of_kind)
    return measured


def rows(results: Sequence[Tested]) -> list[tuple[str, str]]:
    """For a table: a row for each kind of case, and one for each case that is not as it must be."""
    counted = []
    for lesson, words in _WORDS.items():
        of_kind = [each for each in results if each.case.lesson is lesson]
        if of_kind:
            right = sum(each.right for each in of_kind)
            counted.append((f"{words} that {lesson.expected}", f"{right} of {len(of_kind)}"))
    wrong = [(f"{each.case.lesson}: {each.case.name}", _in_words(each)) for each in _worst_first(results)]
    return counted + wrong


def table(results: Sequence[Tested]) -> Table:
    """For the terminal."""
    made = Table(title="regression set", title_justify="left")
    made.add_column("case", overflow="fold")
    made.add_column("result", justify="right")
    for name, told in rows(results):
        made.add_row(name, told)
    return made


def _in_words(each: Tested) -> str:
    score = f"{each.score / each.threshold:.2f} of the threshold"
    return f"{each.outcome}, must be {each.case.lesson.expected}: {score}" + (", lost" if each.lost else "")


def _worst_first(results: Sequence[Tested]) -> list[Tested]:
    return sorted((each for each in results if not each.right), key=lambda each: (not each.lost, each.case.name))


class _FalseAlarm(NamedTuple):
    surface: str
    picture: Path
    area: bytes | None
    """What of it is inspected."""


def _false_alarms(labels: Path) -> list[_FalseAlarm]:
    """Every FAIL that was labelled good."""
    found = ArchiveReader(labels).entries(outcomes={Outcome.FAIL}, opinions={Opinion.GOOD})
    return [_FalseAlarm(entry.verdict().surface, entry.picture_file, entry.area()) for entry in found]


def _areas_of(cases: Sequence[Case]) -> dict[Path, bytes | None]:
    try:
        return {case.picture: None if case.area is None else case.area.read_bytes() for case in cases}
    except OSError as error:
        raise PictureError(f"{error.filename}: cannot be read: {error.strerror}; label the picture again") from error


def _with_areas(pictures: Sequence[PictureFile], areas: Mapping[Path, bytes | None]) -> list[PictureFile]:
    """The pictures, each with what of it is inspected, so that nothing else is learned or tested."""
    made = [replace(picture, area=areas[picture.path]) for picture in pictures]
    for picture in made:
        _check_area(picture)
    return made


def _check_area(picture: PictureFile) -> None:
    try:
        inside = picture.inspected()
    except ValueError as error:
        raise PictureError(f"{picture.path}: what of it is inspected cannot be read; label it again") from error
    if inside is not None and inside.shape != (picture.height, picture.width):
        raise PictureError(
            f"{picture.path}: {picture.width}×{picture.height} px, and what of it is inspected "
            f"{inside.shape[1]}×{inside.shape[0]} px; delete what is not its own"
        )


def _check_surface(where: Path | None, known: set[str], surface: str) -> None:
    if known and surface not in known:
        raise PictureError(
            f"{where}: what was labelled there shows {', '.join(sorted(known))}, not {surface}; name the surface with "
            f"--surface, as in --surface {min(known)}"
        )
