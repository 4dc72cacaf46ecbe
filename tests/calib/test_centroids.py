"""k-means of good positions."""

from __future__ import annotations

import numpy as np
import pytest

from calib.centroids import MAX_CENTROIDS, centroid_count, fit_centroids
from calib.errors import CalibrationError

pytest.importorskip("sklearn", reason="the training extra is not installed")
pytestmark = pytest.mark.train


def test_finds_the_middles_of_clusters() -> None:
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    rows = (np.repeat(middles, 200, axis=0) + rng.normal(0, 0.1, (600, 2))).astype(np.float32)
    found = fit_centroids(rows, 3, seed=0)
    assert found.dtype == np.float32
    nearest = np.linalg.norm(found[:, None] - middles, axis=2).min(axis=0)
    assert nearest.max() < 0.1


def test_same_data_and_seed_give_the_same_centroids_in_the_same_order() -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 8)).astype(np.float32)
    np.testing.assert_allclose(fit_centroids(rows, 50, seed=3), fit_centroids(rows, 50, seed=3), atol=1e-5)


@pytest.mark.parametrize("count", [0, 11])
def test_a_count_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(CalibrationError, match="between 1 and 10"):
        fit_centroids(np.zeros((10, 2), np.float32), count, seed=0)


def test_positions_that_are_not_finite_are_refused() -> None:
    with pytest.raises(CalibrationError, match="NaN"):
        fit_centroids(np.full((10, 2), np.nan, np.float32), 2, seed=0)


def test_count_follows_the_positions_up_to_a_limit() -> None:
    assert centroid_count("auto", 3) == 1
    assert centroid_count("auto", 10**6) == MAX_CENTROIDS
    assert centroid_count(500, 100) == 100
