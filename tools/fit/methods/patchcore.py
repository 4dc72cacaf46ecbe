"""Nearest neighbour in a coreset of good features, after PatchCore (Roth et al., CVPR 2022)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from calib.centroids import MAX_CENTROIDS
from tools.fit.methods.linear import bank_model, principal, projected, thinned
from tools.fit.models import Model
from tools.fit.sets import TrainingSet

CANDIDATES = 40_000
"""Positions that the coreset is chosen from; greedy choice looks at all of them for every one that it takes."""


def fit_patchcore(data: TrainingSet) -> Model:
    """Features averaged over 3×3 positions, in their principal directions as far as the graph's width goes (99 % of
    the variance), and a greedy coreset of them."""
    projection = principal(data)
    rows = projected(projection, thinned(data.good))
    rng = np.random.default_rng([data.seed, 5])
    if len(rows) > CANDIDATES:
        rows = rows[np.sort(rng.choice(len(rows), CANDIDATES, replace=False))]
    count = min(MAX_CENTROIDS if data.centroids == "auto" else data.centroids, len(rows))
    return bank_model("patchcore", data, projection, rows[greedy_coreset(rows, count, int(rng.integers(len(rows))))])


def greedy_coreset(rows: NDArray[np.float32], count: int, first: int) -> NDArray[np.int64]:
    """Rows (of n×E) chosen one after another, each the farthest from those chosen before: `count` indices."""
    points = torch.from_numpy(rows)
    norms = points.square().sum(1)
    nearest = torch.full((len(points),), torch.inf)
    chosen = np.empty(count, np.int64)
    latest = first
    for index in range(count):
        chosen[index] = latest
        torch.minimum(nearest, norms + norms[latest] - 2 * (points @ points[latest]), out=nearest)
        latest = int(nearest.argmax())
    return chosen
