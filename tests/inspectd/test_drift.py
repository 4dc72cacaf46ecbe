"""The watch for drift: it warns before false alarms do, of defects that may pass too, and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from calib.calibration import Calibration
from calib.drift import mean_distance, passing
from engines.bundle import Bundle, open_bundle
from engines.onnx import OnnxEngine
from inspectd.drift import CameraWatch, DriftMonitor
from inspectd.pipeline.model import Model
from inspectd.pipeline.onlookers import Seen
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import CameraDrift, DriftLevel, Outcome
from tests.inspectd.publishing import draft
from tests.scores import SPREAD, good_scores, held_out, scores_of_parts
from tools.demo.bundle import shipped_bundle
from tools.inspection import inspect

WINDOW = 2000
TARGET = 0.01


@dataclass
class Watched:
    """A line under watch: what was told of it, and which frames failed."""

    calibration: Calibration
    told: list[tuple[int, CameraDrift]] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        scores = passing(self.calibration)
        assert scores is not None
        self.watch = CameraWatch(self.calibration, scores, WINDOW)

    def run(self, scores: NDArray[np.float64], distances: NDArray[np.float64] | None = None) -> None:
        """Frames with these scores and, where given, mean distances."""
        for index, score in enumerate(scores.tolist()):
            self.failed.append(score >= self.calibration.threshold)
            distance = None if distances is None else float(distances[index])
            if not self.failed[-1] and self.watch.take(score, distance):
                self.told.append((len(self.failed), self.watch.drift))

    def first(self, level: DriftLevel) -> int:
        """After so many frames it was at that level for the first time."""
        return next(frames for frames, drift in self.told if drift.level is level)

    def twice_the_target(self) -> int:
        """After so many frames more than twice the target had failed, of those in a window."""
        failed = np.cumsum(self.failed)
        return int(np.flatnonzero(failed[WINDOW:] - failed[:-WINDOW] > 2 * TARGET * WINDOW)[0]) + WINDOW


def creeping(length: int, spreads: float) -> NDArray[np.float64]:
    """Factors that rise evenly by so many spreads."""
    return np.asarray(np.exp(SPREAD * spreads * np.arange(length) / length))


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_nothing_is_told_of_a_hundred_thousand_good_frames(alike: float) -> None:
    line = Watched(held_out(100))
    scores = good_scores(100_000, alike, seed=1)
    line.run(scores, np.sqrt(scores))
    assert line.told == []
    assert line.watch.drift.level is DriftLevel.STEADY
    assert line.watch.drift.false_rejects == pytest.approx(TARGET, rel=0.3)


@pytest.mark.parametrize("frames", [30, 100, 300])
def test_good_parts_that_are_seen_for_long_are_no_reason_to_warn(frames: int) -> None:
    line = Watched(held_out(100))
    line.run(scores_of_parts(100_000, frames, seed=1))
    assert not any(drift.level is DriftLevel.WARNING for _, drift in line.told)


@pytest.mark.parametrize(("count", "alike"), [(30, 0.0), (30, 0.5), (100, 0.0), (100, 0.5)])
def test_a_creeping_rise_is_told_before_twice_the_target_fails(count: int, alike: float) -> None:
    line = Watched(held_out(count))
    line.run(good_scores(20_000, alike, seed=2))
    assert line.told == []
    line.run(good_scores(60_000, alike, seed=3) * creeping(60_000, 3))
    assert 20_000 < line.first(DriftLevel.WARNING) < line.twice_the_target()
    drift = line.watch.drift
    assert drift.detail is not None
    assert "scores have risen by" in drift.detail
    assert "(target 1.0%)" in drift.detail


def test_a_rise_is_told_even_where_many_frames_fail_already() -> None:
    line = Watched(held_out(100))
    line.run(good_scores(20_000, 0.5, seed=4) * math.exp(2 * SPREAD))
    assert np.mean(line.failed) > 0.2
    assert line.watch.drift.level is DriftLevel.WARNING
    assert line.watch.drift.false_rejects > 5 * TARGET


def test_a_roll_full_of_defects_is_no_drift() -> None:
    line = Watched(held_out(100))
    scores = good_scores(30_000, 0.5, seed=5)
    scores[10_000:14_000] *= 4
    scores[20_000::3] *= 4
    line.run(scores, np.sqrt(scores))
    assert np.mean(line.failed) > 0.2
    assert line.told == []


def test_a_fall_of_scores_warns_of_defects_that_pass() -> None:
    line = Watched(held_out(100))
    line.run(good_scores(10_000, 0.5, seed=6))
    line.run(good_scores(10_000, 0.5, seed=7) / creeping(10_000, 3))
    drift = line.watch.drift
    assert drift.level is DriftLevel.WARNING
    assert drift.scores < -0.15
    assert drift.detail is not None
    assert "defects may pass unseen" in drift.detail
    assert drift.false_rejects <= TARGET


def test_maps_that_change_all_over_warn_where_scores_do_not() -> None:
    line = Watched(held_out(100))
    scores = good_scores(20_000, 0.5, seed=8)
    line.run(scores, np.sqrt(scores) * 1.4)
    drift = line.watch.drift
    assert drift.level is DriftLevel.WARNING
    assert drift.scores == pytest.approx(0, abs=0.05)
    assert drift.distances == pytest.approx(0.4, abs=0.05)
    assert drift.detail is not None
    assert "the surface looks different" in drift.detail


def test_a_bundle_without_mean_distances_is_watched_by_score_alone() -> None:
    line = Watched(held_out(100).model_copy(update={"held_out_mean_distances": ()}))
    scores = good_scores(10_000, 0.5, seed=9)
    line.run(scores, 2 * scores)
    assert line.told == []
    assert line.watch.drift.distances is None


def test_a_level_does_not_come_and_go() -> None:
    """Scores that stay where the chart's limit lies are told once, and told again when they are back."""
    line = Watched(held_out(100))
    line.run(good_scores(20_000, 0.0, seed=10))
    line.run(good_scores(80_000, 0.0, seed=11) * math.exp(0.3 * SPREAD))
    line.run(good_scores(60_000, 0.0, seed=12))
    levels = [drift.level for _, drift in line.told]
    assert len(levels) <= 4
    assert levels[-1] is DriftLevel.STEADY


# Real pictures

LEVELS = 5
PICTURES = 16
FRAMES = 20_000


def blurred(picture: NDArray[np.uint8], much: float) -> NDArray[np.uint8]:
    """Out of focus, at most by a standard deviation of 1 px."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), much), np.uint8) if much > 0.2 else picture


def dimmed(picture: NDArray[np.uint8], much: float) -> NDArray[np.uint8]:
    """By at most 85 %: this bundle judges rightly until little is left."""
    return (picture * (1 - 0.85 * much)).astype(np.uint8)


@pytest.mark.parametrize("spoil", [blurred, dimmed])
def test_real_pictures_that_lose_focus_or_light_are_told_before_twice_the_target_fails(
    spoil: Callable[[NDArray[np.uint8], float], NDArray[np.uint8]],
) -> None:
    """Each picture is seen at a few levels of what befalls it; in between, its figures are interpolated."""
    pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image")
    from tools.demo.web import good_pictures  # noqa: PLC0415 - only where the photograph is

    bundle = open_bundle(shipped_bundle())
    seen = np.empty((LEVELS, PICTURES, 2))
    with OnnxEngine(bundle) as engine:
        for index, picture in enumerate(good_pictures(PICTURES, seed=5)):
            for level, much in enumerate(np.linspace(0, 1, LEVELS)):
                rgb = np.repeat(spoil(picture, float(much))[..., None], 3, axis=2)
                result = inspect(engine, bundle.manifest.tile, bundle.calibration, rgb)
                seen[level, index] = result.score, mean_distance(result.distance)
    shown = np.random.default_rng(0).integers(PICTURES, size=2 * FRAMES)
    much = np.maximum(0, np.arange(-FRAMES, FRAMES) / FRAMES) * (LEVELS - 1)
    below = np.minimum(much.astype(int), LEVELS - 2)
    along = (much - below)[:, None]
    figures = seen[below, shown] ** (1 - along) * seen[below + 1, shown] ** along

    line = Watched(bundle.calibration)
    line.run(figures[:, 0], figures[:, 1])
    assert FRAMES < line.first(DriftLevel.WARNING) < line.twice_the_target()


# In the daemon


@dataclass
class Line:
    """A monitor with a window of 100 frames, so blocks of 5, and the model that is in effect."""

    bundle: Bundle

    def __post_init__(self) -> None:
        self.model = self.with_calibration(held_out(100))
        self.monitor = DriftMonitor(100, lambda: self.model)

    def with_calibration(self, calibration: Calibration) -> Model:
        return Model.of(OnnxEngine(self.bundle), self.bundle, calibration)

    def shows(self, factor: float, frames: int = 300, model: Model | None = None, camera: str = "web") -> None:
        """Good frames whose scores are so many times those of calibration."""
        model = model or self.model
        for score in (factor * good_scores(frames, 0.0, seed=frames)).tolist():
            outcome = Outcome.PASS if score < model.threshold else Outcome.FAIL
            made = draft(
                1, camera=camera, outcome=outcome, bundle=model.name, score=score, threshold=model.threshold, regions=()
            )
            distance = np.full((6, 8), math.sqrt(score), np.float32)
            self.monitor.saw(Seen(made.numbered("test", "boot", "journal", 1), None, MapDraft(distance, 8)))

    def level(self, camera: str = "web") -> DriftLevel:
        drift = self.monitor.drift(camera)
        assert drift is not None
        return drift.level


@pytest.fixture
def line(bundle: Bundle) -> Line:
    return Line(bundle)


def test_cameras_are_watched_apart(line: Line) -> None:
    assert line.monitor.drift("web") is None
    line.shows(1.0, camera="web")
    line.shows(1.25, camera="edge")
    assert line.level("web") is DriftLevel.STEADY
    assert line.level("edge") is DriftLevel.WARNING
    assert line.monitor.drift("left") is None


def test_each_change_of_level_is_logged_once(line: Line) -> None:
    with capture_logs() as logged:
        line.shows(1.0)
        line.shows(1.3, 1000)
        line.shows(1.0, 3000)
    events = [(entry["event"], entry["log_level"], entry["camera"]) for entry in logged]
    assert ("drift: warning", "warning", "web") in events
    assert events[-1] == ("drift: steady", "info", "web")
    assert len(events) <= 4


def test_with_another_threshold_it_begins_anew_and_passes_over_frames_of_the_old(line: Line) -> None:
    line.shows(1.25)
    assert line.level() is DriftLevel.WARNING
    old, line.model = line.model, line.model.with_threshold(2.0)
    line.shows(1.0, 1)
    assert line.level() is DriftLevel.STEADY
    line.shows(1.25, model=old)
    assert line.level() is DriftLevel.STEADY
    line.shows(1.25)
    assert line.level() is DriftLevel.NOTE, "the threshold is so high that the rise does no harm"


def test_a_bundle_with_too_few_scores_is_not_watched_and_that_is_said_once(line: Line) -> None:
    few = held_out(100).model_copy(update={"held_out_scores": (1.0, 1.1, 1.2)})
    line.model = line.with_calibration(few)
    with capture_logs() as logged:
        line.shows(2.0)
        line.shows(0.5, camera="edge")
    assert [entry["event"] for entry in logged] == [
        "drift is not watched: the bundle has too few held-out scores below the threshold"
    ]
    assert line.monitor.drift("web") is None
