"""Centroids: what good looks like, as a few hundred points of the embedding."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.errors import CalibrationError

MAX_CENTROIDS = 4096
"""What a graph takes."""
POSITIONS_PER_CENTROID = 4
"""With `auto`. More centroids keep more of the bank's knowledge (on magnetic tiles the step from 1,024 to 4,000 gave
three points of image AUROC); these many positions each still even out noise."""
CAREFULLY_STARTED = 64
ITERATIONS = 8
"""Of Lloyd's algorithm. More move centroids, and verdicts hardly at all."""


def centroid_count(wanted: int | Literal["auto"], positions: int) -> int:
    """How many centroids to make of so many positions."""
    if wanted == "auto":
        return max(1, min(MAX_CENTROIDS, positions // POSITIONS_PER_CENTROID))
    return min(wanted, positions)


def fit_centroids(positions: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """k-means over embedded positions (n×E): `count`×E, ordered, so that the same data and seed give the same file.

    Raises:
        CalibrationError: the positions are not finite, or there are fewer than `count`.
    """
    # Only while fitting; the daemon must not import them.
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - scikit-learn's own

    if not np.isfinite(positions).all():
        raise CalibrationError("embedded positions hold NaN or infinity; no centroids can be made of them")
    if not 0 < count <= min(len(positions), MAX_CENTROIDS):
        raise CalibrationError(
            f"{count} centroids of {len(positions)} positions; the count must lie between 1 and "
            f"{min(len(positions), MAX_CENTROIDS)}"
        )
    # With many centroids a careful start takes far longer than what follows, and ends no better.
    start = "k-means++" if count <= CAREFULLY_STARTED else "random"
    means = KMeans(count, init=start, n_init=1, max_iter=ITERATIONS, algorithm="lloyd", random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():  # threads would sum in an order of their own each time
        warnings.simplefilter("ignore")  # it tells that it has not converged; it need not
        centers = means.fit(positions).cluster_centers_.astype(np.float32)
    ordered: NDArray[np.float32] = centers[np.lexsort(centers.T[::-1])]
    return ordered
