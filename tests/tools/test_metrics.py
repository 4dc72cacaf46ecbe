"""The figures agree with scikit-learn, or with examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tools.evaluate.metrics import PixelCurves, area, auroc, false_rejects_at, rejected, roc


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 8])
def test_auroc_agrees_with_scikit_learn(seed: int, decimals: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    good, defective = rng.normal(0, 1, 40).round(decimals), rng.normal(1, 1, 30).round(decimals)  # 1: with ties
    expected = metrics.roc_auc_score([0] * 40 + [1] * 30, np.concatenate([good, defective]))
    assert auroc(good, defective) == pytest.approx(expected, abs=1e-12)


def test_auroc_at_its_ends() -> None:
    assert auroc(np.array([1.0, 2.0]), np.array([3.0])) == 1.0
    assert auroc(np.array([3.0]), np.array([1.0, 2.0])) == 0.0
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5


def test_roc_starts_at_nothing_and_ends_at_everything() -> None:
    false_rejects, detection = roc(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    assert false_rejects.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert detection.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_false_rejects_at_a_detection_rate() -> None:
    good, defective = np.arange(0.0, 10.0), np.array([20.0, 15.0, 8.0, 4.0])
    assert false_rejects_at(good, defective, 0.5) == 0.0
    assert false_rejects_at(good, defective, 0.75) == 0.2  # threshold 8: 8 and 9
    assert false_rejects_at(good, defective, 0.95) == 0.6  # all four are needed; threshold 4
    assert false_rejects_at(good, np.arange(100.0, 0.0, -1.0), 0.95) == 0.4  # 95 of 100: threshold 6


def test_a_score_at_the_threshold_is_rejected() -> None:
    assert rejected(np.array([1.0, 2.0, 3.0]), 2.0) == pytest.approx(2 / 3)


def test_area_is_cut_at_the_limit() -> None:
    x, y = np.array([0.0, 0.2, 0.6, 1.0]), np.array([0.0, 0.5, 1.0, 1.0])
    # Trapezoids 0…0.2 and 0.2…0.3 (where y is 0.625), over 0.3.
    assert area(x, y, limit=0.3) == pytest.approx((0.2 * 0.25 + 0.1 * 0.5625) / 0.3)


@pytest.mark.parametrize("seed", range(3))
def test_pixel_auroc_agrees_with_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    maps = [rng.gamma(2, 1, (40, 50)).astype(np.float32) for _ in range(6)]
    truths = [rng.random((40, 50)) < 0.05 * (index % 2) for index in range(6)]
    maps = [
        (one + truth * rng.gamma(2, 1, one.shape)).astype(np.float32) for one, truth in zip(maps, truths, strict=True)
    ]
    curves = PixelCurves(maps)
    for one, truth in zip(maps, truths, strict=True):
        curves.add(one, truth)
    expected = metrics.roc_auc_score(
        np.concatenate([t.ravel() for t in truths]), np.concatenate([m.ravel() for m in maps])
    )
    assert curves.auroc() == pytest.approx(expected, abs=1e-4)


def test_aupro_of_a_worked_example() -> None:
    """Two regions, of 2 and of 8 pixels, and 10 good pixels.

    Falling through the scores: the small region's pixels at 9, half of the large one's at 8, two good pixels at 7, the
    rest of the large region at 6, the other good pixels at 1. So PRO is 0.75 (the mean of 1 and 0.5) from a false
    positive rate of 0 to 0.2, where it rises to 1: the trapezoid from 0 to 0.2 has the height 0.75, from there on 1.
    """
    truth, distance = np.zeros((2, 10), bool), np.full((2, 10), 1.0, np.float32)
    truth[0, :2], distance[0, :2] = True, 9.0
    truth[:, 6:] = True
    distance[0, 6:], distance[1, 6:] = 8.0, 6.0
    distance[1, :2] = 7.0
    curves = PixelCurves([distance])
    curves.add(distance, truth)
    assert curves.regions == 2
    assert curves.aupro(0.3) == pytest.approx((0.2 * 0.75 + 0.1 * 1.0) / 0.3)
    # Pixels: 6 of 10 defective ones before the first false positive, all by 0.2.
    assert curves.auroc() == pytest.approx(0.2 * 0.6 + 0.8 * 1.0)


def test_a_small_region_weighs_as_much_as_a_large_one() -> None:
    truth, distance = np.zeros((20, 40), bool), np.zeros((20, 40), np.float32)
    truth[2:4, 2:4] = truth[6:18, 10:38] = True
    distance[2:4, 2:4] = 1.0
    curves = PixelCurves([distance])
    curves.add(distance, truth)
    pro, pixels = curves.aupro(0.3), curves.auroc()
    assert pro is not None
    assert pixels is not None
    # At a false positive rate of 0 half of the regions is found; then chance: a line to 1 at 1.
    assert pro == pytest.approx(0.5 + 0.5 * 0.15)
    assert pixels < 0.52


def test_regions_that_touch_at_corners_are_one() -> None:
    truth = np.eye(4, dtype=bool)
    curves = PixelCurves([np.zeros((4, 4), np.float32)])
    curves.add(np.zeros((4, 4), np.float32), truth)
    assert curves.regions == 1


def test_without_defective_pixels_there_is_no_figure() -> None:
    distance = np.ones((4, 4), np.float32)
    curves = PixelCurves([distance])
    curves.add(distance, np.zeros((4, 4), bool))
    assert curves.auroc() is None
    assert curves.aupro() is None
