"""The bank: how far each position lies from the nearest centroid of good."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.method.features import positions


def distance(embedding: Tensor, centroids: Tensor) -> Tensor:
    """Euclidean distance to the nearest centroid.

    The nearest is found through one matrix product (|x-c|² less |x|², which is the same for every c), but its distance
    is then taken from the difference itself: the product's form loses its digits just where a tile is good.

    Args:
        embedding: N×E×h×w.
        centroids: K×E.

    Returns:
        N×h×w.
    """
    count, _, rows, columns = embedding.shape
    points = positions(embedding)
    half_norms = 0.5 * centroids.square().sum(1)
    nearest = torch.argmin(half_norms - points @ centroids.T, dim=1)
    return (points - centroids.index_select(0, nearest)).square().sum(1).sqrt().reshape(count, rows, columns)
