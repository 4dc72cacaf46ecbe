"""Where on a camera's frames defects fall."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import Region, Verdict

COLUMNS = 64
MOST_ROWS = 128
ACROSS = ("left", "middle", "right")
DOWN = ("top", "centre", "bottom")


class Places:
    """Counts the defects of one camera by place. Frames of other sizes than the first are laid over it."""

    def __init__(self, width: int, height: int) -> None:
        """`width` and `height` of the frames, px."""
        self.size = width, height
        rows = min(MOST_ROWS, max(1, round(COLUMNS * height / width)))
        self.hits: NDArray[np.int64] = np.zeros((rows, COLUMNS), np.int64)
        """rows×columns: frames with a defect there."""
        self.zones: Counter[str] = Counter()
        """Defects by ninth of the frame, in words."""

    def add(self, verdict: Verdict) -> None:
        """Count the regions of a verdict on a frame."""
        if not verdict.width or not verdict.height:
            return
        hit = np.zeros(self.hits.shape, np.bool_)
        for region in verdict.regions:
            hit[self._box(region, verdict.width, verdict.height)] = True
            self.zones[_zone(region, verdict.width, verdict.height)] += 1
        self.hits += hit

    def _box(self, region: Region, width: int, height: int) -> tuple[slice, slice]:
        rows, columns = self.hits.shape
        return (
            _cells(region.y, region.height, rows / height, rows),
            _cells(region.x, region.width, columns / width, columns),
        )


def _cells(begin: float, length: float, scale: float, limit: int) -> slice:
    first = min(limit - 1, int(begin * scale))
    return slice(first, max(first + 1, min(limit, round((begin + length) * scale))))


def _zone(region: Region, width: int, height: int) -> str:
    across = ACROSS[min(2, int(3 * region.centroid_x / width))]
    down = DOWN[min(2, int(3 * region.centroid_y / height))]
    return f"{down} {across}"
