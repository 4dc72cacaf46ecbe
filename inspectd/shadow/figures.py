"""What is counted of a candidate, and kept over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import replace_file
from inspectd.wire.models import Outcome, ScoreRatios, ShadowFigures

RECENT: Final = 1000
"""Frames of which both scores are kept."""
_FILE: Final = "figures.json"


class Agreement(StrEnum):
    """What both said of a frame; each is the name of its count in `ShadowFigures`."""

    BOTH_PASS = "both_pass"  # noqa: S105 - no password
    BOTH_FAIL = "both_fail"
    ONLY_RUNNING_FAILS = "only_running_fails"
    ONLY_CANDIDATE_FAILS = "only_candidate_fails"

    @classmethod
    def of(cls, running: Outcome, candidate: Outcome) -> Agreement:
        """From what was said; neither is ERROR."""
        if running is candidate:
            return cls.BOTH_FAIL if candidate is Outcome.FAIL else cls.BOTH_PASS
        return cls.ONLY_RUNNING_FAILS if running is Outcome.FAIL else cls.ONLY_CANDIDATE_FAILS


DISAGREEMENTS: Final = (Agreement.ONLY_RUNNING_FAILS, Agreement.ONLY_CANDIDATE_FAILS)


class Pair(NamedTuple):
    """A frame that was compared."""

    running: float
    """Score of the model that judges, divided by its threshold."""
    candidate: float
    """Likewise, of the candidate."""
    cpu_ms: float
    """What the candidate took, ms of one core."""


class Figures(BaseModel):
    """Of one candidate against one model with one threshold; `recent` has the newest last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    counts: ShadowFigures = ShadowFigures()
    """Without ratios and time, which come from `recent`."""
    recent: tuple[Pair, ...] = ()

    def is_against(self, bundle: str, threshold: float) -> bool:
        """Whether these were counted against this model."""
        return (self.counts.against, self.counts.against_threshold) == (bundle, threshold)

    def with_frame(self, agreement: Agreement, pair: Pair) -> Figures:
        """One more frame was compared."""
        counts = self.counts.model_copy(update={agreement: getattr(self.counts, agreement) + 1})
        return Figures(counts=counts, recent=(*self.recent, pair)[-RECENT:])

    def with_skipped(self, frames: int) -> Figures:
        """So many more were not."""
        counts = self.counts.model_copy(update={"skipped": self.counts.skipped + frames})
        return Figures(counts=counts, recent=self.recent)

    def told(self) -> ShadowFigures:
        """As they are told."""
        if not self.recent:
            return self.counts
        running, candidate, cpu_ms = zip(*self.recent, strict=True)
        ratios = {"running_ratios": _ratios(running), "candidate_ratios": _ratios(candidate)}
        return self.counts.model_copy(update={**ratios, "cpu_ms": round(float(np.median(cpu_ms)), 1)})


def against(bundle: str, threshold: float) -> Figures:
    """None counted yet, against this model."""
    return Figures(counts=ShadowFigures(against=bundle, against_threshold=threshold))


def read_figures(directory: Path) -> Figures:
    """Those that were kept; none where there are none, or none that can be read."""
    try:
        return Figures.model_validate_json((directory / _FILE).read_bytes())
    except (OSError, ValidationError):
        return Figures()


def write_figures(directory: Path, figures: Figures) -> None:
    """Keep them.

    Raises:
        OSError: they cannot be written.
    """
    replace_file(directory / _FILE, figures.model_dump_json().encode())


def _ratios(values: Sequence[float]) -> ScoreRatios:
    p50, p95, p99 = (round(float(value), 4) for value in np.quantile(values, (0.5, 0.95, 0.99)))
    return ScoreRatios(p50=p50, p95=p95, p99=p99, max=round(max(values), 4))
