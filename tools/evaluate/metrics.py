"""How well scores tell good from defective. Higher scores are more defective; a score at a threshold counts as above.

Image figures take the scores as they are. Pixel figures are gathered picture by picture in fine bins, so that a set of
any size fits into memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
AUPRO_LIMIT = 0.3
"""The share of good pixels called defective up to which PRO is integrated (Bergmann et al., IJCV 2021)."""
BINS = 4096
"""Bins of equal count and, again, of equal width, that pixel scores are sorted into."""


def roc(good: Scores, defective: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False rejects and detection at every threshold, both from 0 to 1 and rising."""
    thresholds = np.unique(np.concatenate([good, defective]))[::-1]
    false_rejects = np.searchsorted(np.sort(-good), -thresholds, side="right") / good.size
    detection = np.searchsorted(np.sort(-defective), -thresholds, side="right") / defective.size
    return np.concatenate([[0.0], false_rejects]), np.concatenate([[0.0], detection])


def auroc(good: Scores, defective: Scores) -> float:
    """Probability that a defective picture scores above a good one, ties counting half."""
    return area(*roc(good, defective), limit=1.0)


def area(x: NDArray[np.float64], y: NDArray[np.float64], *, limit: float) -> float:
    """Area under a curve that starts at x = 0, up to x = `limit`, over `limit`."""
    inside = x <= limit
    x, y = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y))
    return float((np.diff(x) * (y[1:] + y[:-1])).sum() / (2 * limit))


def false_rejects_at(good: Scores, defective: Scores, detection: float) -> float:
    """False rejects at the highest threshold that still detects the share `detection` of the defective pictures."""
    needed = math.ceil(detection * defective.size - 1e-9)
    threshold = np.sort(defective)[::-1][max(needed, 1) - 1]
    return rejected(good, float(threshold))


def rejected(scores: Scores, threshold: float) -> float:
    """Share of the scores at or above the threshold."""
    return float(np.mean(scores >= threshold))


class PixelCurves:
    """Pixel ROC and PRO, gathered picture by picture."""

    def __init__(self, maps: Iterable[NDArray[np.float32]]) -> None:
        """`maps` are those that will be added, at any resolution: they tell where bins are needed."""
        values = np.sort(np.concatenate([distance.ravel() for distance in maps]))
        even = np.linspace(values[0], values[-1], BINS, dtype=np.float32)
        self._edges = np.unique(np.concatenate([values[:: max(1, values.size // BINS)], even]))
        bins = self._edges.size + 1
        self._good = np.zeros(bins, np.int64)
        self._defective = np.zeros(bins, np.int64)
        self._overlap = np.zeros(bins, np.float64)
        self._regions = 0

    def add(self, distance: NDArray[np.float32], truth: NDArray[np.bool_]) -> None:
        """Add a picture's map, H×W, with the truth about each pixel, H×W.

        A region is a connected area of the truth, corners touching.
        """
        bins = self._edges.size + 1
        place = np.searchsorted(self._edges, distance, side="right")
        self._good += np.bincount(place[~truth], minlength=bins)
        if not truth.any():
            return
        self._defective += np.bincount(place[truth], minlength=bins)
        count, labels = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
        share = 1.0 / np.bincount(np.asarray(labels).ravel(), minlength=count)
        self._overlap += np.bincount(place[truth], weights=share[np.asarray(labels)[truth]], minlength=bins)
        self._regions += count - 1

    @property
    def regions(self) -> int:
        """Regions seen."""
        return self._regions

    def auroc(self) -> float | None:
        """Area under the pixels' ROC; None where one of both kinds is missing."""
        if not self._comparable:
            return None
        return area(self._false_positives, _falling(self._defective) / self._defective.sum(), limit=1.0)

    def aupro(self, limit: float = AUPRO_LIMIT) -> float | None:
        """Mean share of a region that is found, over false positive rates up to `limit`, as a fraction of 1."""
        if not self._comparable:
            return None
        return area(self._false_positives, _falling(self._overlap) / self._regions, limit=limit)

    @property
    def _comparable(self) -> bool:
        return bool(self._regions and self._good.any())

    @property
    def _false_positives(self) -> NDArray[np.float64]:
        return _falling(self._good) / float(self._good.sum())


def _falling(counts: NDArray[np.generic]) -> NDArray[np.float64]:
    """How much lies at or above each bin, from none down to the lowest bin."""
    falling: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(counts[::-1], dtype=np.float64)])
    return falling
