"""Methods that train nothing: whitened features with many centroids, or with one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calib.centroids import centroid_count, fit_centroids
from tools.fit.extract import FeatureSet
from tools.fit.models import Model
from tools.fit.sets import TrainingSet
from tools.method.features import positions
from tools.method.projection import Projection
from tools.method.score import top_cells
from tools.method.scorers import MIDDLE, BankScorer

MOST_POSITIONS = 100_000
"""Of good, for directions and centroids; more hardly move either."""


def fit_whitened(data: TrainingSet) -> Model:
    """Distance to the nearest of many centroids of whitened good features."""
    projection = _projection(data, Projection.fit_whitening)
    rows = projected(projection, thinned(data.good))
    centroids = fit_centroids(rows, centroid_count(data.centroids, len(rows)), data.seed)
    return bank_model("whitened", data, projection, centroids)


def fit_mahalanobis(data: TrainingSet) -> Model:
    """Distance to the mean of whitened good features: Gaussian, as PaDiM (Defard et al. 2020), but one for all
    positions, since nothing on a moving web has its place."""
    projection = _projection(data, Projection.fit_whitening)
    mean = projected(projection, thinned(data.good)).mean(axis=0, keepdims=True, dtype=np.float64)
    return bank_model("mahalanobis", data, projection, mean.astype(np.float32))


def principal(data: TrainingSet) -> Projection:
    """Features as they are, as far as the graph's width allows."""
    return _projection(data, Projection.fit_principal)


def bank_model(method: str, data: TrainingSet, projection: Projection, centroids: NDArray[np.float32]) -> Model:
    """A linear embedding with its centroids."""
    cells = int(np.prod(data.good.middle.shape[2:]))
    return Model(method, BankScorer(projection).eval(), centroids, top_cells(MIDDLE, cells))


@torch.inference_mode()
def projected(projection: Projection, features: FeatureSet) -> NDArray[np.float32]:
    """Every position of the middle map as a row: n×E."""
    return torch.cat([positions(projection(lot)) for lot in features.lots()]).numpy()


def thinned(features: FeatureSet) -> FeatureSet:
    """Every so-manieth tile, so that there are at most `MOST_POSITIONS` positions."""
    cells = int(np.prod(features.middle.shape[2:]))
    return features.only(slice(None, None, -(-len(features) * cells // MOST_POSITIONS)))


def _projection(data: TrainingSet, learn: Callable[[Projection, Tensor], None]) -> Projection:
    projection = Projection(data.channels)
    learn(projection, torch.cat([projection.averaged(lot) for lot in thinned(data.good).lots()]))
    return projection.eval()
