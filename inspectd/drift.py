"""The watch for drift: compares each camera's recent good frames with calibration, and warns; as a rule before false
alarms come.

Frames that fail do not count: nobody knows which of them are good. So a roll full of defects is no drift, while a rise
of all scores shows in those that still pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from calib.calibration import Calibration
from calib.drift import LEAST_HELD_OUT, Chart, Projection, Reference, mean_distance, passing
from inspectd.pipeline.model import Model
from inspectd.pipeline.onlookers import Seen
from inspectd.wire.models import CameraDrift, DriftLevel, Outcome

MORE_REJECTS = 0.3
"""A rise of scores is worth a warning when this share more good frames than asked for will fail."""
FALL = 1.0
"""A fall of scores is, from so many spreads of the held-out scores on: defects then lose in score too, and pass."""
ODD = 3.0
"""Another mean distance is, from so many of its spreads on: hardly a held-out picture lay so far out."""
HOLD = 0.8
"""A level is kept until the change is below this share of what brought it, so that it does not come and go."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Finding:
    level: DriftLevel
    detail: str


_SEVERITY = list(DriftLevel)


class CameraWatch:
    """One camera's frames against one calibration."""

    def __init__(self, calibration: Calibration, scores: Reference, window: int) -> None:
        """`scores` are of the good frames that pass; `window` is in frames."""
        self._target = calibration.target_false_rejects
        self._projection = Projection(calibration)
        self._scores = Chart(scores, window)
        distances = Reference.of(calibration.held_out_mean_distances)
        self._distances = Chart(distances, window) if distances is not None else None
        self.drift = self._judged(DriftLevel.STEADY)
        """As of the last full block of frames."""

    def take(self, score: float, distance: float | None) -> bool:
        """A frame that passed, its score and its map's mean; True where that changed the level."""
        if self._distances is not None and distance is not None:
            self._distances.take(distance)
        if not self._scores.take(score):
            return False
        before = self.drift.level
        self.drift = self._judged(before)
        return self.drift.level is not before

    def _judged(self, before: DriftLevel) -> CameraDrift:
        ease = 1.0 if before is DriftLevel.STEADY else HOLD
        findings = [self._of_scores(ease), self._of_distances(ease)]
        told = [finding for finding in findings if finding is not None]
        worst = max(told, key=lambda finding: _SEVERITY.index(finding.level), default=None)
        return CameraDrift(
            level=worst.level if worst else DriftLevel.STEADY,
            detail=worst.detail if worst else None,
            scores=round(self._scores.factor - 1, 4),
            distances=None if self._distances is None else round(self._distances.factor - 1, 4),
            false_rejects=round(self._rejects(), 5),
        )

    def _rejects(self) -> float:
        return self._projection.share(self._scores.factor)

    def _of_scores(self, ease: float) -> _Finding | None:
        shift, change = self._scores.shift, self._scores.factor - 1
        if self._scores.strength <= ease:
            return None
        if change < 0:
            level = DriftLevel.WARNING if -shift >= ease * FALL else DriftLevel.NOTE
            return _Finding(level, f"scores have fallen by {-change:.0%} since calibration: defects may pass unseen")
        rejects = self._rejects()
        level = DriftLevel.WARNING if rejects >= (1 + ease * MORE_REJECTS) * self._target else DriftLevel.NOTE
        return _Finding(
            level,
            f"scores have risen by {change:.0%} since calibration; if this goes on, about {rejects:.1%} of good "
            f"frames will fail (target {self._target:.1%})",
        )

    def _of_distances(self, ease: float) -> _Finding | None:
        chart = self._distances
        if chart is None or chart.strength <= ease:
            return None
        change = chart.factor - 1
        moved = f"risen by {change:.0%}" if change > 0 else f"fallen by {-change:.0%}"
        return _Finding(
            DriftLevel.WARNING if abs(chart.shift) >= ease * ODD else DriftLevel.NOTE,
            f"distances all over the picture have {moved} since calibration: the surface looks different",
        )


class DriftMonitor:
    """An `Onlooker`. What it knows of a camera is for any thread to read."""

    wants_pictures = False

    def __init__(self, window: int, model: Callable[[], Model | None]) -> None:
        """`window` is in frames; `model` gives the one in effect. Where another takes its place, or its threshold is
        moved, everything begins anew."""
        self._window = window
        self._model = model
        self._judge: tuple[str, float] | None = None
        """Bundle and threshold of the frames that are compared."""
        self._make: Callable[[], CameraWatch] | None = None
        self._watches: dict[str, CameraWatch] = {}

    def saw(self, seen: Seen) -> None:
        """See `Onlooker`."""
        verdict = seen.verdict
        if verdict.outcome is not Outcome.PASS or verdict.score is None:
            return
        watch = self._watch(verdict.camera, (verdict.bundle, verdict.threshold))
        if watch is None:
            return
        distance = None if seen.distance_map is None else mean_distance(seen.distance_map.distance)
        if watch.take(verdict.score, distance):
            _tell(verdict.camera, watch.drift)

    def drift(self, camera: str) -> CameraDrift | None:
        """How a camera's frames compare; None where there is nothing to compare, or nothing to compare it with."""
        watch = self._watches.get(camera)
        return None if watch is None else watch.drift

    def _watch(self, camera: str, judge: tuple[str, float]) -> CameraWatch | None:
        if judge != self._judge and not self._begin(judge):
            return None
        watch = self._watches.get(camera)
        if watch is None and self._make is not None:
            watch = self._watches[camera] = self._make()
        return watch

    def _begin(self, judge: tuple[str, float]) -> bool:
        """Anew with another calibration; False for a frame of a model that was superseded."""
        model = self._model()
        if model is None or (model.name, model.threshold) != judge:
            return False
        self._judge, self._watches = judge, {}
        scores = passing(model.calibration)
        self._make = None if scores is None else partial(CameraWatch, model.calibration, scores, self._window)
        if scores is None:
            log.warning(
                "drift is not watched: the bundle has too few held-out scores below the threshold",
                bundle=model.name,
                least=LEAST_HELD_OUT,
            )
        return True


def _tell(camera: str, drift: CameraDrift) -> None:
    say = log.warning if drift.level is DriftLevel.WARNING else log.info
    say(
        f"drift: {drift.level}",
        camera=camera,
        **({"detail": drift.detail} if drift.detail else {}),
        scores=drift.scores,
        distances=drift.distances,
        false_rejects=drift.false_rejects,
    )
