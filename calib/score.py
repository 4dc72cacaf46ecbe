"""From a distance map to one score: the mean of its largest cells.

The mean over all cells, as published, dilutes a small defect; the single largest cell follows noise. A fixed number of
cells, not a share, keeps the score of a defect the same however large the frame around it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def top_mean(distance: NDArray[np.float32], top_cells: int) -> float:
    """Mean of the `top_cells` largest values of an h×w map (of all of them, where the map is smaller)."""
    flat = distance.ravel()
    count = min(top_cells, flat.size)
    return float(np.partition(flat, flat.size - count)[flat.size - count :].mean(dtype=np.float64))
