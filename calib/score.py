"""From a distance map to one score: the mean of its largest cells.

The mean over all cells, as published, dilutes a small defect; the single largest cell follows noise. A fixed number of
cells, not a share, keeps the score of a defect the same however large the frame around it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def top_mean(distance: NDArray[np.float32], top_cells: int) -> float:
    """Mean of the `top_cells` largest values of an h×w map, or of some of its cells (of all, where there are fewer)."""
    count, rows = min(top_cells, distance.size), distance.shape[0]
    if distance.ndim == 2 and count < rows:
        # Of n values the largest k lie in the k rows whose largest values are largest: few of a large map are sorted.
        distance = distance[np.argpartition(distance.max(axis=1), rows - count)[rows - count :]]
    flat = distance.ravel()
    return float(np.partition(flat, flat.size - count)[flat.size - count :].mean(dtype=np.float64))
