"""The threshold keeps its promise on scores of known distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from calib.calibration import Calibration
from calib.errors import CalibrationError
from calib.threshold import calibrate, clopper_pearson


def made(scores: object, target: float = 0.01) -> Calibration:
    return calibrate(scores, target_false_rejects=target, top_cells=3, cells_per_picture=64)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "target"), [(9, 0.1), (19, 0.05), (30, 0.1), (99, 0.01), (400, 0.01)])
def test_split_conformal_keeps_the_target_in_expectation_and_wastes_little(count: int, target: float) -> None:
    rng = np.random.default_rng(0)
    law = stats.norm(10, 1)
    draws = 1500
    rejected = [law.sf(made(law.rvs(count, random_state=rng), target).threshold) for _ in range(draws)]
    error = 4 * np.std(rejected) / math.sqrt(draws)
    assert made(law.rvs(count, random_state=rng), target).method == "split-conformal"
    assert np.mean(rejected) <= target + error
    assert np.mean(rejected) >= target * 0.7 - 1 / (count + 1)


def test_the_conformal_rank_is_exact() -> None:
    scores = np.arange(1, 100, dtype=float)
    calibration = made(scores)
    assert calibration.method == "split-conformal"
    assert 99.0 < calibration.threshold < 99.1
    assert made(scores, 0.05).threshold == pytest.approx(95.0, rel=2e-4)
    assert made(scores, 0.05).observed_false_rejects == pytest.approx(4 / 99)


def test_one_picture_too_few_takes_the_tail() -> None:
    calibration = made(np.arange(1, 99, dtype=float))
    assert calibration.method == "pareto-tail"
    assert calibration.threshold > 98.0


LAWS = {
    "normal": stats.norm(10, 1),
    "log-normal": stats.lognorm(0.3),
    "gumbel": stats.gumbel_r(10, 1),
    "exponential": stats.expon(5),
}


@pytest.mark.parametrize("count", [5, 8, 20, 60])
@pytest.mark.parametrize("name", LAWS)
def test_the_tail_keeps_the_target_from_few_pictures(name: str, count: int) -> None:
    rng = np.random.default_rng(1)
    rejected = [LAWS[name].sf(made(LAWS[name].rvs(count, random_state=rng)).threshold) for _ in range(600)]
    assert np.mean(rejected) <= 0.01 + 4 * np.std(rejected) / math.sqrt(len(rejected))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 20, 98])
def test_a_tail_is_never_below_the_largest_score_seen(count: int) -> None:
    scores = np.random.default_rng(count).gamma(4, 1, count)
    calibration = made(scores, 0.005)
    assert calibration.threshold > scores.max()
    assert calibration.observed_false_rejects == 0.0
    assert calibration.interval == pytest.approx((0.0, 1 - 0.025 ** (1 / count)))


def test_fewer_than_five_pictures_double_the_largest_score() -> None:
    assert made([1.0]).threshold == pytest.approx(2.0, rel=2e-4)
    assert made([1.0, 3.0, 2.0, 3.0]).threshold == pytest.approx(6.0, rel=2e-4)


def test_equal_scores_pass() -> None:
    for count in (1, 7, 99, 500):
        calibration = made([4.0] * count)
        assert calibration.threshold > 4.0
        assert calibration.observed_false_rejects == 0.0


def test_a_picture_keeps_its_verdict_on_a_runtime_that_rounds_otherwise() -> None:
    scores = np.random.default_rng(3).gamma(4, 1, 200)
    threshold = made(scores, 0.05).threshold
    np.testing.assert_array_equal(scores >= threshold, scores * (1 + 5e-5) >= threshold)


def test_order_does_not_matter_and_raw_scores_are_kept_ascending() -> None:
    scores = np.random.default_rng(5).gamma(4, 1, 150)
    calibration = made(scores)
    assert calibration == made(scores[::-1])
    assert calibration.held_out_scores == tuple(sorted(scores.tolist()))
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], "at least one"),
        ([1.0, math.nan], "1 of 2 held-out scores are not finite"),
        ([1.0, math.inf], "not finite"),
        ([0.0, 0.0], "all of one colour"),
    ],
)
def test_scores_that_allow_no_threshold_are_refused(scores: list[float], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        made(scores)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_target_is_refused(target: float) -> None:
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        made([1.0], target)


def test_clopper_pearson_agrees_with_the_published_example() -> None:
    # Clopper & Pearson 1934: 5 of 10 at 95 %.
    assert clopper_pearson(5, 10) == pytest.approx((0.187, 0.813), abs=1e-3)
    exact = stats.binomtest(3, 48).proportion_ci(0.95, method="exact")
    assert clopper_pearson(3, 48) == pytest.approx((exact.low, exact.high))
    assert clopper_pearson(7, 7)[1] == 1.0


def test_exposures_of_one_part_count_as_one_picture() -> None:
    parts = np.random.default_rng(0).gamma(4, 1, 40)
    once = calibrate(parts, target_false_rejects=0.05, top_cells=3, cells_per_picture=64, mean_distances=parts)
    often = calibrate(
        np.tile(parts, 5),
        target_false_rejects=0.05,
        top_cells=3,
        cells_per_picture=64,
        mean_distances=np.tile(parts, 5),
        weights=[0.2] * 200,
    )
    assert often == once


def test_the_largest_score_is_always_kept_and_those_between_stand_for_their_neighbours() -> None:
    scores = [4.0, 1.0, 3.0, 2.0, 6.0, 5.0]
    made = calibrate(scores, target_false_rejects=0.3, top_cells=3, cells_per_picture=64, weights=[0.5] * 6)
    assert made.held_out_scores == (2.0, 4.0, 6.0)
    uneven = calibrate(
        scores, target_false_rejects=0.3, top_cells=3, cells_per_picture=64, weights=[1, 1, 1, 1, 0.5, 0.5]
    )
    assert uneven.held_out_scores == (1.0, 2.0, 3.0, 4.0, 6.0)


@pytest.mark.parametrize(("target", "broken"), [(0.05, 1.1), (0.01, 2.0)])
def test_dependent_pictures_keep_the_promise(target: float, broken: float) -> None:
    """Five pictures of each of 25 parts, nearly alike: taken for independent they break it."""
    rng = np.random.default_rng(0)
    failed = []
    for weights in ([0.2] * 125, None):
        shares = []
        for _ in range(300):
            held_out = (rng.normal(size=(25, 1)) + 0.2 * rng.normal(size=(25, 5))).ravel()
            made = calibrate(
                np.exp(0.3 * held_out), target_false_rejects=target, top_cells=3, cells_per_picture=64, weights=weights
            )
            fresh = rng.normal(size=2000) + 0.2 * rng.normal(size=2000)
            shares.append(float(np.mean(np.exp(0.3 * fresh) >= made.threshold)))
        failed.append(float(np.mean(shares)))
    assert failed[0] <= 1.1 * target
    assert failed[1] > broken * target
