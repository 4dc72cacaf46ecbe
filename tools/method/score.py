"""The score of a tile, as the graph gives it; a frame's score comes from its stitched map, by `calib.score`."""

from __future__ import annotations

import torch
from torch import Tensor

TOP_CELLS = 4
"""A score is the mean of this many largest cells: two by two cells are the least that a defect on a cell's corner
covers, and single cells follow noise."""


def top_mean(distance: Tensor, top_cells: int) -> Tensor:
    """Mean of the `top_cells` largest cells of each map: N×h×w to N."""
    return torch.topk(distance.flatten(1), top_cells, dim=1).values.mean(1)
