"""The score of a tile, as the graph gives it; a frame's score comes from its stitched map, by `calib.score`."""

from __future__ import annotations

import torch
from torch import Tensor

from calib.border import BORDER_CELLS
from tools.method.scorers import DEEP, DETAIL, FINE, MIDDLE

TOP_CELLS = {DETAIL: 16, FINE: 8, MIDDLE: 4}
"""A score is the mean of this many largest cells, by the depth whose resolution the map has: two by two cells of the
middle map are the least that a defect on a cell's corner covers, and single cells follow noise. On the fine map, whose
cells have a quarter of the area, twice as many, so that a speck of one middle cell is not diluted; likewise again where
colour sharpens it."""


def top_cells(depth: int, cells: int) -> int:
    """How many cells make a score on maps of `cells` a tile; the published method averages over all of them."""
    return cells if depth == DEEP else min(cells, TOP_CELLS[depth])


def border_reach(depth: int) -> int:
    """How many cells deep the frame's edge is looked for, on maps of this depth: 64 px of what the network sees, about
    as far as padding and a part's own border are felt."""
    return 2 * BORDER_CELLS >> depth


def top_mean(distance: Tensor, top_cells: int) -> Tensor:
    """Mean of the `top_cells` largest cells of each map: N×h×w to N."""
    return torch.topk(distance.flatten(1), top_cells, dim=1).values.mean(1)
