"""A candidate in the shadow, and how it compares with the model that judges."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from inspectd.wire.models.message import TELLS, Count, Finite


class ShadowState(StrEnum):
    """Where a candidate is."""

    LOADING = "loading"
    """Its bundle is verified, and its engine has to reproduce the golden tiles."""
    COMPARING = "comparing"
    """It scores frames."""
    FAILED = "failed"
    """It was stopped, for the reason told."""


class ScoreRatios(BaseModel):
    """Scores divided by their threshold: a frame fails from 1 on."""

    model_config = TELLS

    p50: Finite
    """Half of the frames are at or below it."""
    p95: Finite
    """95 % of the frames are."""
    p99: Finite
    """99 % of the frames are."""
    max: Finite
    """The largest."""


class ShadowFigures(BaseModel):
    """How a candidate compares. Frames of which the line said ERROR are not compared."""

    model_config = TELLS

    against: str | None = None
    """Name of the bundle that it is compared with; null before the first frame."""
    against_threshold: Finite | None = None
    """The threshold that this one judges against. With another of either, counting begins anew."""
    both_pass: Count = 0
    """Frames that pass with both."""
    both_fail: Count = 0
    """Frames that fail with both."""
    only_running_fails: Count = 0
    """Frames that fail with the model that judges alone."""
    only_candidate_fails: Count = 0
    """Frames that fail with the candidate alone."""
    skipped: Count = 0
    """Frames that the candidate had no time for."""
    running_ratios: ScoreRatios | None = None
    """Of the model that judges, over the last frames compared."""
    candidate_ratios: ScoreRatios | None = None
    """Of the candidate, over the same frames."""
    cpu_ms: Finite | None = None
    """Computing time that the candidate takes for a frame, median, ms of one core."""

    @property
    def compared(self) -> int:
        """Frames compared."""
        return self.both_pass + self.both_fail + self.only_running_fails + self.only_candidate_fails


class ShadowStanding(BaseModel):
    """A candidate, and how it compares."""

    model_config = TELLS

    bundle: str
    """Name of its bundle."""
    state: ShadowState
    """Where it is."""
    reason: str | None = None
    """Why it was stopped, in words."""
    who: str
    """Who asked for it."""
    why: str
    """Why, in their words."""
    since_utc: str
    """When."""
    figures: ShadowFigures = ShadowFigures()
    """How it compares, over restarts of the daemon."""
