"""Drift on scores that are drawn from calibrations of every kind: it is noticed in time, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.drift import CLIP, SPREAD_LEAST, Chart, Projection, Reference, mean_distance, passing
from tests.scores import SPREAD, good_scores, held_out

WINDOW = 2000


def charted(calibration: Calibration, scores: NDArray[np.float64]) -> Iterator[tuple[int, Chart]]:
    """The chart, with the number of the frame, whenever a block is full; frames that fail do not count."""
    reference = passing(calibration)
    assert reference is not None
    chart = Chart(reference, WINDOW)
    for frame, score in enumerate(scores.tolist()):
        if score < calibration.threshold and chart.take(score):
            yield frame, chart


@pytest.mark.parametrize("alike", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("count", [30, 300])
def test_a_hundred_thousand_good_frames_stay_within_the_limit(count: int, alike: float) -> None:
    for _, chart in charted(held_out(count), good_scores(100_000, alike, seed=count)):
        assert chart.strength <= 1


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_the_change_of_the_scores_is_told(factor: float) -> None:
    *_, (_, chart) = charted(held_out(100, target=0.001), factor * good_scores(20_000, 0.5, seed=1))
    assert chart.strength > 1
    assert chart.factor == pytest.approx(factor, rel=0.03)


def test_a_few_odd_frames_are_no_drift() -> None:
    scores = good_scores(20_000, 0.5, seed=2)
    scores[::100] *= 0.01
    for _, chart in charted(held_out(100), scores):
        assert chart.strength <= 1


def test_a_step_is_noticed_within_two_windows() -> None:
    scores = good_scores(12_000, 0.9, seed=3)
    scores[8000:] *= math.exp(1.5 * SPREAD)
    first = next(frame for frame, chart in charted(held_out(100), scores) if chart.strength > 1)
    assert 8000 < first < 8000 + 2 * WINDOW


def test_lines_whose_frames_are_alike_get_a_wider_limit_than_independent_ones() -> None:
    limits = []
    for alike in (0.0, 0.5, 0.9):
        scores = good_scores(40_000, alike, seed=4) * math.exp(1.5 * SPREAD)
        *_, (_, chart) = charted(held_out(300, target=0.001), scores)
        limits.append(chart.shift / chart.strength)
    assert limits == sorted(limits)
    assert limits[-1] > 1.3 * limits[0]


# What is compared


@pytest.mark.parametrize("values", [(), (1.0, 2.0, 3.0, 4.0), (0.0, 1.0, 2.0, 3.0, 4.0)])
def test_too_little_to_compare_with_is_none(values: tuple[float, ...]) -> None:
    assert Reference.of(values) is None


def test_held_out_values_that_are_all_but_alike_are_given_some_spread() -> None:
    reference = Reference.of([1.0, 1.0, 1.0, 1.0, 1.0001])
    assert reference is not None
    assert reference.spread == SPREAD_LEAST
    assert abs(reference.spreads(1.01)) < 1


def test_a_value_of_any_size_counts_for_no_more_than_the_clip() -> None:
    reference = Reference.of(np.exp(np.linspace(-1, 1, 11)))
    assert reference is not None
    assert [reference.spreads(value) for value in (0.0, 1e-300, 1e300)] == [-CLIP, -CLIP, CLIP]
    assert reference.spreads(1.0) == pytest.approx(0, abs=1e-9)


def test_only_held_out_scores_that_pass_are_compared_with() -> None:
    calibration = held_out(300).model_copy(update={"threshold": 1.0})
    reference, whole = passing(calibration), passing(held_out(300))
    assert reference is not None
    assert whole is not None
    assert reference.count == 150
    assert reference.centre < whole.centre


def test_the_mean_of_a_map_is_over_what_counts() -> None:
    distance = np.zeros((40, 60), np.float32)
    distance[10:20, 5:25] = 2.0
    distance[20:30, 5:25] = 4.0
    assert mean_distance(distance) == 3.0
    assert mean_distance(np.zeros((3, 4), np.float32)) == 0.0


def test_the_mean_of_a_large_map_is_near_that_of_all_its_cells() -> None:
    distance = np.random.default_rng(0).gamma(4, size=(700, 900)).astype(np.float32)
    assert mean_distance(distance) == pytest.approx(float(distance.mean()), rel=0.02)


# What will come of it


@pytest.mark.parametrize("count", [5, 30, 99, 300])
def test_with_scores_as_they_were_the_target_fails(count: int) -> None:
    assert Projection(held_out(count)).share(1.0) == pytest.approx(0.01, rel=0.1)


def test_the_projection_is_the_share_that_comes_to_fail() -> None:
    calibration = held_out(400)
    for shift in (0.5, 1.0, 2.0):
        factor = math.exp(shift * SPREAD)
        failing = np.mean(factor * good_scores(50_000, 0.0, seed=5) >= calibration.threshold)
        assert Projection(calibration).share(factor) == pytest.approx(failing, rel=0.2)


def test_the_projection_never_falls_as_scores_rise() -> None:
    for count in (5, 30, 300):
        projection = Projection(held_out(count))
        shares = [projection.share(factor) for factor in np.geomspace(0.2, 5, 200)]
        assert shares == sorted(shares)
        assert 0 < shares[0] <= 0.01
        assert shares[-1] > 0.8


@pytest.mark.parametrize("moved", [0.8, 1.25])
def test_a_threshold_that_was_moved_is_projected_from_where_it_is_now(moved: float) -> None:
    calibration = held_out(300)
    other = calibration.model_copy(update={"threshold": calibration.threshold * moved})
    assert Projection(other).share(moved) == pytest.approx(Projection(calibration).share(1.0))
    assert (Projection(other).share(1.0) < 0.01) == (moved > 1)
