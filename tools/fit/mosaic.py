"""Pictures laid side by side as a mosaic, and which of them overlap there.

Of pictures that show one place again and again only some pairs are ever compared. Whatever two that were compared have
in common leads to the next: all are placed by the chain of similarities between them, and overlaps are read off there.
Over a long chain small errors add up, but pictures that overlap lie close to each other in it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Laid:
    """Two pictures that show the same, by index."""

    one: int
    other: int
    similarity: Matrix
    """2×3, from places in the one to places in the other, px."""


def overlapping(sizes: Sequence[tuple[int, int]], laid: Sequence[Laid], least: float) -> list[tuple[int, int, float]]:
    """Pairs of pictures that overlap in the mosaic, the first before the second, with the share that they have in
    common.

    Args:
        sizes: height and width of each picture, px.
        laid: pairs that were compared and do.
        least: share of the smaller picture from which two overlap.
    """
    found = {}
    for placed in _mosaics(laid):
        pictures = sorted(placed)
        corners = {index: _corners(sizes[index], placed[index]) for index in pictures}
        centres = np.array([corners[index].mean(axis=0) for index in pictures])
        reach = max(float(np.ptp(corners[index], axis=0).max()) for index in pictures) * np.sqrt(2)
        for a, b in cKDTree(centres).query_pairs(reach, output_type="ndarray"):
            one, other = pictures[a], pictures[b]
            share = _share(corners[one], corners[other])
            if share >= least:
                found[one, other] = share
    return [(one, other, share) for (one, other), share in sorted(found.items())]


def _mosaics(laid: Sequence[Laid]) -> Iterator[dict[int, Matrix]]:
    """For all that hangs together, by picture: from its own places to those of the mosaic, 3×3."""
    neighbours: dict[int, list[tuple[int, Matrix]]] = defaultdict(list)
    for pair in laid:
        forth = np.vstack([pair.similarity, [0.0, 0.0, 1.0]])
        neighbours[pair.other].append((pair.one, forth))
        neighbours[pair.one].append((pair.other, np.linalg.inv(forth)))
    todo = set(neighbours)
    while todo:
        # From where most hangs together, chains are short.
        start = max(todo, key=lambda index: (len(neighbours[index]), -index))
        placed = {start: np.eye(3)}
        waiting = deque([start])
        while waiting:
            index = waiting.popleft()
            for other, similarity in neighbours[index]:
                if other not in placed:
                    placed[other] = placed[index] @ similarity
                    waiting.append(other)
        todo -= set(placed)
        yield placed


def _corners(size: tuple[int, int], place: Matrix) -> NDArray[np.float32]:
    height, width = size
    flat = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    return (flat @ place.T)[:, :2].astype(np.float32)


def _share(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    common, _ = cv2.intersectConvexConvex(one, other)
    smaller = min(cv2.contourArea(one), cv2.contourArea(other))
    return float(common / smaller) if smaller > 0 else 0.0
