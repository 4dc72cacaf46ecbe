"""A verdict before it has its number: what the pipeline hands to the publisher."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import Outcome, Reason, Region, Verdict, contradiction
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
            captured_utc=utc_text(self.captured_utc_ns),
            captured_monotonic_ns=self.captured_monotonic_ns,
            decided_utc=utc_text(self.decided_utc_ns),
            decided_monotonic_ns=self.decided_monotonic_ns,
            deadline_ms=self.deadline_ms,
            latency_ms=round((self.decided_monotonic_ns - self.captured_monotonic_ns) / 1e6, 3),
        )


@dataclass(frozen=True)
class MapDraft:
    """The map that goes with a draft, where the frame has one."""

    distance: NDArray[np.float32]
    """rows×columns."""
    cell: int
    """px."""
