"""Verdicts before they have their numbers: what the pipeline hands to the publisher."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import Outcome, PartFrame, PartVerdict, Reason, Region, Verdict, contradiction
from inspectd.wire.times import utc_text


@dataclass(frozen=True, kw_only=True)
class VerdictDraft:
    """All of a `Verdict` but publisher, boot, journal and sequence, which the publisher adds when it is journaled.

    Raises:
        ValueError: it denies itself (see `contradiction`); told to its maker, before anybody relies on it.
    """

    camera: str
    frame: int | None
    source: str | None
    part: str | None = None
    untriggered: bool = False
    surface: str
    bundle: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None
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
    decided_utc_ns: int
    decided_monotonic_ns: int
    deadline_ms: float

    def __post_init__(self) -> None:
        problem = contradiction(self.outcome, self.reason, self.score, self.threshold, self.regions)
        if problem:
            raise ValueError(f"{self.camera} frame {self.frame}: {problem}")

    def in_time(self) -> VerdictDraft:
        """This draft, or, where its deadline has passed, the ERROR that it has become: no judgement comes late."""
        now_ns = time.monotonic_ns()
        if self.outcome is Outcome.ERROR or now_ns < self.captured_monotonic_ns + int(self.deadline_ms * 1e6):
            return self
        return replace(
            self,
            outcome=Outcome.ERROR,
            reason=Reason.DEADLINE,
            detail=f"judged, but not durable within {self.deadline_ms:g} ms: the journal was too slow",
            score=None,
            regions=(),
            regions_omitted=0,
            judged_from_mm=None,
            decided_utc_ns=time.time_ns(),
            decided_monotonic_ns=now_ns,
        )

    def numbered(self, publisher: str, boot: str, journal: str, sequence: int) -> Verdict:
        """The verdict as it is journaled and published."""
        return Verdict(
            publisher=publisher,
            boot=boot,
            journal=journal,
            sequence=sequence,
            camera=self.camera,
            frame=self.frame,
            source=self.source,
            part=self.part,
            untriggered=self.untriggered,
            surface=self.surface,
            bundle=self.bundle,
            outcome=self.outcome,
            reason=self.reason,
            detail=self.detail,
            score=self.score,
            threshold=self.threshold,
            regions=self.regions,
            regions_omitted=self.regions_omitted,
            width=self.width,
            height=self.height,
            mm_per_px=self.mm_per_px,
            along_mm=self.along_mm,
            across_mm=self.across_mm,
            judged_from_mm=self.judged_from_mm,
            uninspected_mm=self.uninspected_mm,
            captured_utc=utc_text(self.captured_utc_ns),
            captured_monotonic_ns=self.captured_monotonic_ns,
            decided_utc=utc_text(self.decided_utc_ns),
            decided_monotonic_ns=self.decided_monotonic_ns,
            deadline_ms=self.deadline_ms,
            latency_ms=round((self.decided_monotonic_ns - self.captured_monotonic_ns) / 1e6, 3),
        )


@dataclass(frozen=True, kw_only=True)
class PartDraft:
    """All of a `PartVerdict` but publisher, boot, journal and sequence."""

    part: str
    surface: str
    bundle: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None
    frames: tuple[PartFrame, ...]
    triggered_utc_ns: int
    triggered_monotonic_ns: int
    decided_utc_ns: int
    decided_monotonic_ns: int
    deadline_ms: float

    def in_time(self) -> PartDraft:
        """This draft, or the ERROR that it has become, as `VerdictDraft.in_time`."""
        now_ns = time.monotonic_ns()
        # A microsecond early, for the frames' own deadlines are this one, rounded: no part passes whose frame did not.
        if self.outcome is Outcome.ERROR or now_ns < self.triggered_monotonic_ns + int(self.deadline_ms * 1e6) - 1000:
            return self
        return replace(
            self,
            outcome=Outcome.ERROR,
            reason=Reason.DEADLINE,
            detail=f"judged, but not durable within {self.deadline_ms:g} ms: the journal was too slow",
            decided_utc_ns=time.time_ns(),
            decided_monotonic_ns=now_ns,
        )

    def numbered(self, publisher: str, boot: str, journal: str, sequence: int) -> PartVerdict:
        """The verdict as it is journaled and published."""
        return PartVerdict(
            publisher=publisher,
            boot=boot,
            journal=journal,
            sequence=sequence,
            part=self.part,
            surface=self.surface,
            bundle=self.bundle,
            outcome=self.outcome,
            reason=self.reason,
            detail=self.detail,
            frames=self.frames,
            triggered_utc=utc_text(self.triggered_utc_ns),
            triggered_monotonic_ns=self.triggered_monotonic_ns,
            decided_utc=utc_text(self.decided_utc_ns),
            decided_monotonic_ns=self.decided_monotonic_ns,
            deadline_ms=self.deadline_ms,
            latency_ms=round((self.decided_monotonic_ns - self.triggered_monotonic_ns) / 1e6, 3),
        )


Draft = VerdictDraft | PartDraft


@dataclass(frozen=True)
class MapDraft:
    """The map that goes with a draft, where the frame has one."""

    distance: NDArray[np.float32]
    """rows×columns."""
    cell: int
    """px."""
