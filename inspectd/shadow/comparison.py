"""Comparing a candidate with what the line has said, frame after frame, and keeping what comes of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.pipeline.model import Model
from inspectd.shadow.candidate import Candidate
from inspectd.shadow.disagreements import Disagreement, Disagreements, Views
from inspectd.shadow.figures import DISAGREEMENTS, Agreement, Figures, Pair, against, read_figures, write_figures
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Verdict

SAVE_S: Final = 10.0
"""How often figures are written; what was counted since then is lost where the process is killed."""


class Comparison:
    """Of one candidate; for one thread. All that writes may raise OSError."""

    def __init__(self, model: Model, candidate: Candidate, results: Path, *, anew: bool) -> None:
        """`model` is the candidate's; `results` is the directory of what is kept. Unless `anew`, what was counted there
        before goes on."""
        self._model = model
        self._candidate = candidate
        self._results = results
        self._disagreements = Disagreements(results)
        self.figures = Figures() if anew else read_figures(results)
        if anew:
            self._disagreements.clear()
            self.save()
        self._saved_s = time.monotonic()

    def compare(
        self, pixels: NDArray[np.uint8], pixel_format: PixelFormat, verdict: Verdict, running: MapDraft
    ) -> Agreement:
        """Judge a frame beside the line's verdict, PASS or FAIL, and its map.

        Raises:
            ViewError, EngineError: the candidate cannot.
        """
        if not self.figures.is_against(verdict.bundle, verdict.threshold):
            self._begin_anew(verdict)
        began_s = time.process_time()
        judgement, distance_map = self._candidate.judge(pixels, pixel_format, verdict)
        cpu_ms = 1000 * (time.process_time() - began_s)
        found = Disagreement(
            kind=Agreement.of(verdict.outcome, judgement.outcome),
            verdict=verdict,
            bundle=self._model.name,
            score=judgement.score,
            threshold=self._model.threshold,
            regions=judgement.regions,
        )
        self.figures = self.figures.with_frame(found.kind, Pair(*found.ratios, round(cpu_ms, 2)))
        if found.kind in DISAGREEMENTS:
            self._disagreements.keep(found, Views(pixels, running, distance_map), pixel_format)
        if time.monotonic() - self._saved_s > SAVE_S:
            self.save()
        return found.kind

    def skipped(self, frames: int) -> None:
        """So many frames were not compared."""
        self.figures = self.figures.with_skipped(frames)

    def save(self) -> None:
        """Write the figures."""
        write_figures(self._results, self.figures)
        self._saved_s = time.monotonic()

    def _begin_anew(self, verdict: Verdict) -> None:
        self._disagreements.clear()
        self.figures = against(verdict.bundle, verdict.threshold)
        self.save()
