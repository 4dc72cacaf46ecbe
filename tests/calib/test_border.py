"""The profile of the frame's edge, and maps levelled by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from calib.border import LEAST_CELLS, MAX_BORDER_CELLS, MAX_FACTOR, factors, fit_border, level, rings
from calib.calibration import Calibration
from calib.errors import CalibrationError
from calib.score import top_mean
from calib.threshold import calibrate

REACH = 4


def good_maps(rim: tuple[float, ...], count: int = 20, shape: tuple[int, int] = (24, 30)) -> list[NDArray[np.float32]]:
    """Maps of noise; a cell at distance k from the edge is `rim[k]` times as large as one inside."""
    rng = np.random.default_rng(0)
    scale = np.array([*rim, 1.0])[rings(*shape, len(rim))]
    return [(rng.gamma(16, 0.5, shape) * scale).astype(np.float32) for _ in range(count)]


def made(border: tuple[float, ...] = ()) -> Calibration:
    return calibrate([1.0, 2.0, 3.0], target_false_rejects=0.01, top_cells=2, cells_per_picture=64, border=border)


def test_rings_count_cells_to_the_nearest_edge_up_to_a_limit() -> None:
    assert rings(5, 6, 9).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 2, 2, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert rings(5, 6, 1).max() == 1
    assert rings(1, 1, 3).tolist() == [[0]]


def test_the_profile_tells_how_far_the_rim_stands_out() -> None:
    profile = fit_border(good_maps((1.6, 1.2)), REACH)
    assert profile == pytest.approx((1.6, 1.2, 1.0, 1.0), rel=0.05)
    assert [round(factor, 4) for factor in profile] == list(profile)


def test_levelled_good_maps_score_by_chance_and_not_by_their_edge() -> None:
    maps = good_maps((1.6, 1.2))
    profile = fit_border(maps, REACH)
    edge = rings(24, 30, 2) < 2
    before, after = (
        np.mean([edge.ravel()[np.argsort(each.ravel())[-5:]].mean() for each in each_maps])
        for each_maps in (maps, [level(distance, profile) for distance in maps])
    )
    assert before > 0.9
    assert after == pytest.approx(edge.mean(), abs=0.15)


@pytest.mark.parametrize("rim", [(0.5, 0.8), (1.0, 1.5, 1.2), (2.0, 0.7, 1.3), (9.0, 1.1)])
def test_factors_are_at_least_one_never_rise_inwards_and_have_a_limit(rim: tuple[float, ...]) -> None:
    profile = fit_border(good_maps(rim), REACH)
    assert len(profile) == REACH
    assert all(1 <= factor <= MAX_FACTOR for factor in profile)
    assert list(profile) == sorted(profile, reverse=True)
    assert profile[0] == pytest.approx(min(MAX_FACTOR, max(1, *rim)), rel=0.05)


def test_small_maps_have_a_shorter_profile() -> None:
    maps = good_maps((1.5,), count=40, shape=(6, 7))
    profile = fit_border(maps, 8)
    assert len(profile) == 2  # the third ring, 2×3 cells, is the interior
    assert profile == pytest.approx((1.5, 1.0), rel=0.1)
    assert len(fit_border([*maps, *good_maps((1.5,), count=5)], 8)) == 8  # the large ones have an interior


def test_too_little_data_makes_no_profile() -> None:
    assert fit_border([], 8) == ()
    assert fit_border(good_maps((2.0,), count=1, shape=(10, 10)), 8) == ()
    assert fit_border(good_maps((2.0,), count=1, shape=(1, 500)), 8) == ()


def test_a_ring_of_few_cells_takes_the_factor_of_the_next_one_inwards() -> None:
    maps = good_maps((2.0, 1.5), count=2, shape=(24, 30))  # 104, 96, … cells a ring
    maps[0][0, :] = 1000.0
    assert 2 * (rings(24, 30, 9) == 1).sum() < LEAST_CELLS <= 2 * (rings(24, 30, 9) == 0).sum()
    profile = fit_border(maps, REACH)
    assert profile == (MAX_FACTOR, 1.0, 1.0, 1.0)
    assert fit_border(maps[:1], REACH) == (1.0,) * REACH


def test_maps_of_zeros_are_left_alone() -> None:
    zeros = np.zeros((24, 30), np.float32)
    assert fit_border([zeros] * 10, REACH) == (1.0,) * REACH
    rim = np.where(rings(24, 30, 1) == 0, 1, zeros).astype(np.float32)
    assert fit_border([rim] * 10, REACH) == (1.0,) * REACH  # nothing to compare with


def test_constant_maps_have_no_edge() -> None:
    assert fit_border([np.full((24, 30), 8.7, np.float32)] * 10, REACH) == (1.0,) * REACH


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_maps_that_are_not_finite_are_refused(value: float) -> None:
    maps = good_maps(())
    maps[3][2, 5] = value
    with pytest.raises(CalibrationError, match="NaN or infinity"):
        fit_border(maps, REACH)


def test_levelling_divides_by_the_distance_to_the_edge_and_leaves_the_interior_as_it_is() -> None:
    distance = np.random.default_rng(1).gamma(4, 1, (9, 8)).astype(np.float32)
    levelled = level(distance, (2.0, 1.25))
    assert levelled.dtype == np.float32
    np.testing.assert_array_equal(levelled[2:-2, 2:-2], distance[2:-2, 2:-2])
    np.testing.assert_allclose(levelled[0], distance[0] / 2.0)
    np.testing.assert_allclose(levelled[:, -1], distance[:, -1] / 2.0)
    np.testing.assert_allclose(levelled[1, 1:-1], distance[1, 1:-1] / 1.25)


def test_without_a_profile_a_map_is_the_same() -> None:
    distance = np.ones((3, 4), np.float32)
    assert level(distance, ()) is distance


def test_a_frame_smaller_than_the_profile_is_all_edge() -> None:
    assert level(np.full((1, 3), 6.0, np.float32), (3.0, 2.0, 1.5)).tolist() == [[2.0, 2.0, 2.0]]


def test_factors_are_made_once_and_cannot_be_written() -> None:
    made_once = factors(11, 13, (2.0, 1.5))
    assert factors(11, 13, (2.0, 1.5)) is made_once
    with pytest.raises(ValueError, match="read-only"):
        made_once[0, 0] = 1.0


@pytest.mark.parametrize("place", [(0, 0), (0, 15), (23, 29), (1, 4)])
def test_a_defect_at_the_edge_fails_at_twice_the_levelled_threshold(place: tuple[int, int]) -> None:
    """Even a single cell, and a score of two."""
    maps = good_maps((9.0, 1.5))
    profile = fit_border(maps, REACH)
    scores = [top_mean(level(each, profile), 2) for each in maps]
    calibration = calibrate(scores, target_false_rejects=0.05, top_cells=2, cells_per_picture=720, border=profile)
    distance = good_maps(())[0]
    distance[place] = 2 * calibration.threshold * factors(24, 30, profile)[place]
    assert top_mean(level(distance, calibration.border), calibration.top_cells) >= calibration.threshold


def test_a_calibration_keeps_its_profile() -> None:
    calibration = made((2.0, 1.5, 1.0))
    assert calibration.border == (2.0, 1.5, 1.0)
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_a_calibration_written_before_there_were_profiles_reads_as_without() -> None:
    content = json.loads(made().to_json())
    del content["border"]
    assert Calibration.from_json(json.dumps(content)) == made()
    assert made().border == ()


@pytest.mark.parametrize(
    ("border", "message"),
    [
        ([0.9], "border.0: .*greater than or equal to 1"),
        ([2.0, float("nan")], "border.1"),
        ([float("inf")], "border.0: .*finite"),
        ([1.2, 1.5], "border: .*must not rise"),
        ([1.0] * (MAX_BORDER_CELLS + 1), "border: .*at most 64"),
        ("2", "border: "),
    ],
)
def test_an_impossible_profile_is_refused_by_name(border: object, message: str) -> None:
    content = json.loads(made().to_json()) | {"border": border}
    with pytest.raises(CalibrationError, match=message):
        Calibration.from_json(json.dumps(content))
