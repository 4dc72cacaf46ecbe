"""Verdicts before they have their numbers: what the pipeline hands to the publisher."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import (
    Change,
    ChangeAction,
    Outcome,
    PartFrame,
    PartVerdict,
    Reason,
    Region,
    Verdict,
    contradiction,
)
from inspectd.wire.times import utc_text


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """What a verdict says, on whatever."""

    surface: str
    bundle: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None
    decided_utc_ns: int
    decided_monotonic_ns: int
    deadline_ms: float

    def _late(self, since_ns: int) -> dict[str, Any] | None:
        """The changes that make it ERROR where its deadline, counted from `since_ns`, has passed: no judgement comes
        late. None where it stands."""
        now_ns = time.monotonic_ns()
        if self.outcome is Outcome.ERROR or now_ns < since_ns + int(self.deadline_ms * 1e6):
            return None
        return {
            "outcome": Outcome.ERROR,
            "reason": Reason.DEADLINE,
            "detail": f"judged, but not durable within {self.deadline_ms:g} ms: the journal was too slow",
            "decided_utc_ns": time.time_ns(),
            "decided_monotonic_ns": now_ns,
        }

    def _told(self, since: str) -> dict[str, Any]:
        """Its fields as a message has them, times in words; the latency is counted from the moment `since`."""
        told = dict(vars(self))
        for moment in (since, "decided"):
            told[f"{moment}_utc"] = utc_text(told.pop(f"{moment}_utc_ns"))
        told["latency_ms"] = round((self.decided_monotonic_ns - told[f"{since}_monotonic_ns"]) / 1e6, 3)
        return told


@dataclass(frozen=True, kw_only=True)
class VerdictDraft(_Decided):
    """All of a `Verdict` but publisher, boot, journal and sequence, which the publisher adds when it is journaled.

    Raises:
        ValueError: it denies itself (see `contradiction`); told to its maker, before anybody relies on it.
    """

    camera: str
    frame: int | None
    source: str | None
    part: str | None = None
    untriggered: bool = False
    score: float | None = None
    threshold: float
    regions: tuple[Region, ...] = ()
    regions_omitted: int = 0
    width: int | None = None
    height: int | None = None
    mm_per_px: float | None = None
    along_mm: float | None = None
    across_mm: float | None = None
    judged_from_mm: float | None = None
    uninspected_mm: float = 0.0
    captured_utc_ns: int
    captured_monotonic_ns: int

    def __post_init__(self) -> None:
        problem = contradiction(self.outcome, self.reason, self.score, self.threshold, self.regions)
        if problem:
            raise ValueError(f"{self.camera} frame {self.frame}: {problem}")

    def in_time(self) -> VerdictDraft:
        """This draft, or the ERROR that it has become where its deadline has passed."""
        late = self._late(self.captured_monotonic_ns)
        if late is None:
            return self
        return replace(self, score=None, regions=(), regions_omitted=0, judged_from_mm=None, **late)

    def numbered(self, publisher: str, boot: str, journal: str, sequence: int) -> Verdict:
        """The verdict as it is journaled and published."""
        told = self._told("captured")
        return Verdict(publisher=publisher, boot=boot, journal=journal, sequence=sequence, **told)


@dataclass(frozen=True, kw_only=True)
class PartDraft(_Decided):
    """All of a `PartVerdict` but publisher, boot, journal and sequence."""

    part: str
    frames: tuple[PartFrame, ...]
    triggered_utc_ns: int
    triggered_monotonic_ns: int

    def in_time(self) -> PartDraft:
        """This draft, or the ERROR that it has become, as `VerdictDraft.in_time`."""
        # A microsecond early, for the frames' own deadlines are this one, rounded: no part passes whose frame did not.
        late = self._late(self.triggered_monotonic_ns - 1000)
        return self if late is None else replace(self, **late)

    def numbered(self, publisher: str, boot: str, journal: str, sequence: int) -> PartVerdict:
        """The verdict as it is journaled and published."""
        told = self._told("triggered")
        return PartVerdict(publisher=publisher, boot=boot, journal=journal, sequence=sequence, **told)


@dataclass(frozen=True, kw_only=True)
class ChangeDraft:
    """All of a `Change` but publisher, boot, journal and sequence."""

    id: str
    action: ChangeAction
    surface: str
    bundle: str
    bundle_before: str
    threshold: float
    threshold_before: float
    who: str
    why: str | None
    changed_utc_ns: int
    changed_monotonic_ns: int

    @property
    def decided_monotonic_ns(self) -> int:
        """As of a verdict."""
        return self.changed_monotonic_ns

    def in_time(self) -> ChangeDraft:
        """This draft: it has no deadline."""
        return self

    def numbered(self, publisher: str, boot: str, journal: str, sequence: int) -> Change:
        """The change as it is journaled and published."""
        told = dict(vars(self))
        told["changed_utc"] = utc_text(told.pop("changed_utc_ns"))
        return Change(publisher=publisher, boot=boot, journal=journal, sequence=sequence, **told)


Draft = VerdictDraft | PartDraft | ChangeDraft


@dataclass(frozen=True)
class MapDraft:
    """The map that goes with a draft, where the frame has one."""

    distance: NDArray[np.float32]
    """rows×columns."""
    cell: int
    """px."""
