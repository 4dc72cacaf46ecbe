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
    own = centroids.index_select(0, nearest(points, centroids))
    return (points - own).square().sum(1).sqrt().reshape(count, rows, columns)


def relative_distance(embedding: Tensor, bank: Tensor) -> Tensor:
    """The same, over what is usual around the nearest centroid: where good varies much, more is needed to be strange
    (as the local outlier factor has it, Breunig et al., SIGMOD 2000).

    Args:
        embedding: N×E×h×w.
        bank: K×(E+1), centroids, and beside each the reciprocal of its radius.

    Returns:
        N×h×w.
    """
    count, width, rows, columns = embedding.shape
    points = positions(embedding)
    own = bank.index_select(0, nearest(points, bank[:, :width]))
    apart = (points - own[:, :width]).square().sum(1).sqrt()
    return (apart * own[:, width]).reshape(count, rows, columns)


def nearest(points: Tensor, centroids: Tensor) -> Tensor:
    """n×E and K×E to the number of the nearest centroid, n."""
    return torch.argmin(0.5 * centroids.square().sum(1) - points @ centroids.T, dim=1)
