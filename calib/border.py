"""The frame's edge: cells near it score higher on good frames too, so they are levelled before a frame is scored.

There a part's own border is in view, and the backbone sees its zero padding instead of surface. A score is the mean of
a few largest cells; left alone, it would follow the noise of the edge, and the threshold with it. How far the edge
stands out is told from held-out good maps as a profile: one factor for each distance from the edge. Dividing a map by
its factors brings good cells to one level, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calib.errors import CalibrationError

BORDER_CELLS = 8
"""How many cells deep a profile reaches, unless told otherwise."""
MAX_BORDER_CELLS = 64
"""Most factors that a profile may have."""
MAX_FACTOR = 3.0
"""Largest factor fitted. However noisy the edge is on good frames, a defect there that is three times as distant as
one inside must still fail; a profile without a limit could make the edge blind, and nobody would see it."""
LEAST_CELLS = 200
"""Fewest cells whose level is believed. Fewer come from a handful of maps, and a chance mark on one of them would make
the edge of every frame more tolerant."""


def rings(rows: int, columns: int, most: int) -> NDArray[np.intp]:
    """Each cell's distance to the nearest edge of a rows×columns map, in cells: 0 in the outermost, `most` at most."""
    row, column = np.arange(rows), np.arange(columns)
    nearest = np.minimum.outer(np.minimum(row, row[::-1]), np.minimum(column, column[::-1]))
    capped: NDArray[np.intp] = np.minimum(nearest, most)
    return capped


@lru_cache(maxsize=64)
def factors(rows: int, columns: int, profile: tuple[float, ...]) -> NDArray[np.float32]:
    """What each cell of a rows×columns map is divided by; beyond the profile's reach exactly 1.

    Cached, since a camera's frames are all of one size; hence read-only.
    """
    by_ring = np.array([*profile, 1.0], np.float32)
    of_cells = by_ring[rings(rows, columns, len(profile))]
    of_cells.setflags(write=False)
    return of_cells


def level(distance: NDArray[np.float32], profile: tuple[float, ...]) -> NDArray[np.float32]:
    """The whole frame's map (rows×columns, float32) divided by its factors; the map itself where the profile is empty.

    Never twice, and never a single tile's map: the edge is the frame's.
    """
    if not profile:
        return distance
    rows, columns = distance.shape
    levelled: NDArray[np.float32] = distance / factors(rows, columns, profile)
    return levelled


def fit_border(maps: Iterable[NDArray[np.float32]], reach: int = BORDER_CELLS) -> tuple[float, ...]:
    """The profile of held-out good maps: the factor at distance 0, 1, … cells from the edge.

    A ring's level is the mean of its cells plus two standard deviations, since it is the large cells that a score is
    made of; its factor is that level over the interior's. Factors lie between 1 and `MAX_FACTOR` and never rise
    inwards: an edge quieter than the interior is left alone, so no cell counts for more than its own distance.

    Args:
        maps: h×w each, raw (not yet levelled), of whole frames that neither training nor the centroids have seen;
            read once, one after the other.
        reach: how many cells deep to look, `MAX_BORDER_CELLS` at most. Where the maps are too small or too few to
            leave an interior of `LEAST_CELLS` cells, the profile is shorter, and empty at worst.

    Raises:
        CalibrationError: a map is not finite.
    """
    sums = _sums(maps, reach)
    while reach and sums[0, reach] < LEAST_CELLS:  # no interior: the innermost ring is one
        sums[:, reach - 1] += sums[:, reach]
        reach -= 1
    return _profile(sums[0, : reach + 1].tolist(), _levels(sums[:, : reach + 1]))


def _sums(maps: Iterable[NDArray[np.float32]], reach: int) -> NDArray[np.float64]:
    """Number, sum and sum of squares (3×(reach+1)) of the cells of each ring; the last is the interior."""
    sums = np.zeros((3, reach + 1))
    for distance in maps:
        rows, columns = distance.shape
        ring = rings(rows, columns, reach).ravel()
        cells = distance.ravel().astype(np.float64)
        sums += [np.bincount(ring, weights, reach + 1) for weights in (None, cells, cells**2)]
    if not np.isfinite(sums).all():
        raise CalibrationError("a held-out map holds NaN or infinity; no border profile can be made of it")
    return sums


def _levels(sums: NDArray[np.float64]) -> list[float]:
    count, total, squares = sums
    mean = total / np.maximum(count, 1)
    variance = squares / np.maximum(count, 1) - mean**2
    levels: list[float] = (mean + 2 * np.sqrt(np.maximum(variance, 0))).tolist()  # rounding may fall below 0
    return levels


def _profile(counts: Sequence[float], levels: Sequence[float]) -> tuple[float, ...]:
    """Factors from the edge inwards, of rings and the interior (last)."""
    interior, factor = levels[-1], 1.0
    inside_out: list[float] = []
    for count, ring in zip(counts[-2::-1], levels[-2::-1], strict=True):
        if count >= LEAST_CELLS and interior > 0:  # else as the next ring inwards
            factor = max(factor, min(MAX_FACTOR, round(ring / interior, 4)))
        inside_out.append(factor)
    return tuple(inside_out[::-1])
