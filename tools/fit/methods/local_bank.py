"""A bank of whitened good features in which every centroid knows how far good usually strays from it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from calib.centroids import centroid_count, fit_centroids
from tools.fit.methods.linear import projected, thinned, whitening
from tools.fit.models import Model
from tools.fit.sets import TrainingSet
from tools.method.bank import nearest
from tools.method.projection import WIDTH
from tools.method.score import top_cells
from tools.method.scorers import MIDDLE, LocalBankScorer

PRIOR = 64
"""Positions that the mean radius of all centroids counts as, beside a centroid's own: those of few positions lie close
to them and would call everything else strange. With 16 to 64, image AUROC on cropped magnetic tiles gains a point;
whole ones lose half a point with 16 and nothing with 64; papers lose nothing."""


def fit_local_bank(data: TrainingSet) -> Model:
    """Distance to the nearest of many centroids of whitened good features, over the radius of that centroid."""
    projection = whitening(data, WIDTH - 1)  # one of the graph's columns holds the radii
    rows = projected(projection, thinned(data.good))
    centroids = fit_centroids(rows, centroid_count(data.centroids, len(rows)), data.seed)
    bank = np.hstack([centroids, 1 / radii(projected(projection, data.good), centroids)[:, None]]).astype(np.float32)
    cells = top_cells(MIDDLE, int(np.prod(data.good.middle.shape[2:])))
    return Model("whitened", LocalBankScorer(projection).eval(), bank, cells)


@torch.inference_mode()
def radii(rows: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far the positions (n×E) nearest to each centroid (K×E) lie from it in the mean, over the mean of all: K."""
    points, centres = torch.from_numpy(rows), torch.from_numpy(centroids)
    own = torch.cat([nearest(lot, centres) for lot in torch.split(points, 8192)])
    apart = (points - centres[own]).square().sum(1).sqrt().double().numpy()
    if not apart.any():  # every position is a centroid
        return np.ones(len(centroids))
    count = np.bincount(own.numpy(), minlength=len(centroids))
    total = np.bincount(own.numpy(), weights=apart, minlength=len(centroids))
    relative: NDArray[np.float64] = (total + PRIOR * apart.mean()) / (count + PRIOR) / apart.mean()
    return relative
