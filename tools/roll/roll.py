"""From verdicts to a roll: defects, each once, and what was not inspected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from inspectd.wire.models import Outcome, Region, Verdict
from tools.roll.reading import frame_mm


@dataclass
class Defect:
    """A defect on the roll; lengths are mm."""

    number: int
    """On the roll, from 1, by where it begins."""
    camera: str
    begin: float | None
    """Along the web; None where the place of its frame was not known."""
    end: float | None
    left: float
    """Across the web."""
    right: float
    area_mm2: float
    peak: float
    """Largest distance."""
    severity: float
    """`peak` as a multiple of the threshold."""
    frames: list[int] = field(default_factory=list)
    """Numbers of the verdicts that tell of it."""
    captured_utc: str = ""
    """When its first frame was captured."""

    @property
    def length(self) -> float | None:
        """Along the web."""
        return None if self.begin is None or self.end is None else self.end - self.begin


@dataclass(frozen=True)
class Uninspected:
    """A stretch of web on which no verdict counts; mm."""

    camera: str
    begin: float
    end: float
    reasons: tuple[str, ...]
    """Of the ERRORs there; empty where the web went past between two frames."""


@dataclass(frozen=True)
class Lane:
    """What one camera sees of the web; mm."""

    camera: str
    begin: float
    end: float
    left: float
    right: float


@dataclass(frozen=True)
class Roll:
    """A roll."""

    verdicts: Sequence[Verdict]
    """At least one."""
    lanes: tuple[Lane, ...]
    defects: tuple[Defect, ...]
    uninspected: tuple[Uninspected, ...]
    unplaced: int
    """Verdicts whose place on the web is not known."""

    @property
    def begin(self) -> float:
        """Where it begins along the web, mm."""
        return min(lane.begin for lane in self.lanes)

    @property
    def end(self) -> float:
        """Where it ends, mm."""
        return max(lane.end for lane in self.lanes)

    @property
    def inspected_share(self) -> float:
        """How much of the lanes' length was inspected, 0 to 1."""
        whole = sum(lane.end - lane.begin for lane in self.lanes)
        missing = sum(stretch.end - stretch.begin for stretch in self.uninspected)
        return 1 - missing / whole if whole else 0.0


def make_roll(verdicts: Sequence[Verdict]) -> Roll:
    """Put a roll together from its verdicts, in order of their numbers; the place of one is known at least."""
    placed = [verdict for verdict in verdicts if verdict.along_mm is not None]
    by_camera = [
        (camera, list(own)) for camera, own in groupby(sorted(placed, key=lambda v: v.camera), lambda v: v.camera)
    ]
    return Roll(
        verdicts,
        tuple(_lane(camera, own) for camera, own in by_camera),
        _numbered(_defects(verdicts)),
        tuple(stretch for camera, own in by_camera for stretch in _uninspected(camera, own)),
        unplaced=len(verdicts) - len(placed),
    )


def _lane(camera: str, placed: Sequence[Verdict]) -> Lane:
    left = placed[0].across_mm or 0.0
    right = max(left + (v.width or 0) * (v.mm_per_px or 0.0) for v in placed)
    return Lane(camera, min(map(_begin, placed)), max(map(_end, placed)), left, right)


def _begin(verdict: Verdict) -> float:
    assert verdict.along_mm is not None
    return verdict.along_mm


def _end(verdict: Verdict) -> float:
    return _begin(verdict) + frame_mm(verdict)


def _uninspected(camera: str, placed: Sequence[Verdict]) -> Iterator[Uninspected]:
    """What lies between the pieces that verdicts count for, where it is a pixel or more."""
    reached = min(map(_begin, placed))
    pieces = sorted((v.judged_from_mm, _end(v)) for v in placed if v.judged_from_mm is not None)
    end = max(map(_end, placed))
    least = max(verdict.mm_per_px or 0.0 for verdict in placed)
    for begin, until in [*pieces, (end, end)]:
        if begin - reached >= least:
            yield Uninspected(camera, reached, begin, _reasons(placed, reached, begin))
        reached = max(reached, until)


def _reasons(placed: Sequence[Verdict], begin: float, end: float) -> tuple[str, ...]:
    there = (v for v in placed if v.outcome is Outcome.ERROR and _begin(v) < end and _end(v) >= begin)
    return tuple(dict.fromkeys(str(verdict.reason) for verdict in there))


def _defects(verdicts: Sequence[Verdict]) -> list[Defect]:
    same = _Same()
    found: dict[tuple[str, str, int], Defect] = {}
    told = [(verdict, region) for verdict in verdicts for region in verdict.regions if region.id is not None]
    for verdict, region in told:
        same.join(verdict, region)
    for verdict, region in told:
        own = _defect(verdict, region)
        known = found.setdefault(same.root(_key(verdict, region.id)), own)
        if known is not own:
            _merge(known, own)
        known.frames.append(verdict.sequence)
    return list(found.values())


Key = tuple[str, str, int]
"""Boot, camera and id of a region."""


def _key(verdict: Verdict, number: int | None) -> Key:
    assert number is not None
    return verdict.boot, verdict.camera, number


class _Same:
    """Which ids name one defect."""

    def __init__(self) -> None:
        self._parents: dict[Key, Key] = {}

    def root(self, key: Key) -> Key:
        """The one key that stands for all that name the same."""
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def join(self, verdict: Verdict, region: Region) -> None:
        """Take note of what a region joins."""
        for joined in region.joins:
            one, other = self.root(_key(verdict, region.id)), self.root(_key(verdict, joined))
            if one != other:
                self._parents[other] = one


def _defect(verdict: Verdict, region: Region) -> Defect:
    along, across = region.along_mm, region.across_mm or 0.0
    return Defect(
        number=0,
        camera=verdict.camera,
        begin=along,
        end=None if along is None else along + (region.height_mm or 0.0),
        left=across,
        right=across + (region.width_mm or 0.0),
        area_mm2=region.area_mm2 or 0.0,
        peak=region.peak,
        severity=region.peak / verdict.threshold,
        captured_utc=verdict.captured_utc,
    )


def _merge(known: Defect, part: Defect) -> None:
    """Take a further part of a defect. What two frames show of its length counts once in its area."""
    known.left, known.right = min(known.left, part.left), max(known.right, part.right)
    known.peak, known.severity = max(known.peak, part.peak), max(known.severity, part.severity)
    if known.begin is None or known.end is None or part.begin is None or part.end is None:
        return
    shared = max(0.0, min(known.end, part.end) - max(known.begin, part.begin))
    length = part.end - part.begin
    known.area_mm2 += part.area_mm2 * (1 - min(1.0, shared / length) if length else 0.0)
    known.begin, known.end = min(known.begin, part.begin), max(known.end, part.end)


def _numbered(defects: list[Defect]) -> tuple[Defect, ...]:
    """By where they begin; those without a place come last."""
    defects.sort(key=lambda defect: (defect.begin is None, defect.begin or 0.0, defect.left))
    for number, defect in enumerate(defects, 1):
        defect.number = number
    return tuple(defects)
