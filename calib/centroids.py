"""Centroids: what good looks like, as a few hundred points of the embedding."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.errors import CalibrationError

MAX_CENTROIDS = 4096
"""What a graph takes."""
AUTO_MAX = 1024
POSITIONS_PER_CENTROID = 4
"""With `auto`. More centroids keep more of the bank's knowledge; these many positions each still even out noise."""


def centroid_count(wanted: int | Literal["auto"], positions: int) -> int:
    """How many centroids to make of so many positions."""
    if wanted == "auto":
        return max(1, min(AUTO_MAX, positions // POSITIONS_PER_CENTROID))
    return min(wanted, positions)


def fit_centroids(positions: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """k-means over embedded positions (n×E): `count`×E, ordered, so that the same data and seed give the same file.

    Raises:
        CalibrationError: the positions are not finite, or there are fewer than `count`.
    """
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - only while fitting; the daemon must not import it

    if not np.isfinite(positions).all():
        raise CalibrationError("embedded positions hold NaN or infinity; no centroids can be made of them")
    if not 0 < count <= min(len(positions), MAX_CENTROIDS):
        raise CalibrationError(
            f"{count} centroids of {len(positions)} positions; the count must lie between 1 and "
            f"{min(len(positions), MAX_CENTROIDS)}"
        )
    means = MiniBatchKMeans(
        count, random_state=seed, batch_size=4096, n_init=1, max_no_improvement=20, init_size=3 * count
    )
    centers = means.fit(positions).cluster_centers_.astype(np.float32)
    ordered: NDArray[np.float32] = centers[np.lexsort(centers.T[::-1])]
    return ordered
