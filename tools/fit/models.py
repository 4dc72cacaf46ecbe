"""A fitted model, whatever the method, and how it does on held-out tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from calib.score import top_mean
from tools.fit.extract import FeatureSet
from tools.method.scorers import Scorer

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """What goes into the graph behind the backbone, with its centroids."""

    method: str
    scorer: Scorer
    centroids: NDArray[np.float32]
    """K×E."""
    top_cells: int
    """A score is the mean of this many largest cells."""
    losses: tuple[Losses, ...] = ()
    """Of the training, if there was any."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What the method measured of itself, by name."""
    choices: tuple[str, ...] = ()
    """What it chose and why, a sentence each."""


@dataclass(frozen=True)
class Losses:
    """Means over some steps of training."""

    step: int
    """The last of them."""
    contrast: float
    reconstruction: float | None = None
    """None where no decoder takes part."""


@torch.inference_mode()
def tile_maps(model: Model, features: FeatureSet) -> NDArray[np.float32]:
    """N×h×w."""
    bank = torch.from_numpy(model.centroids)
    return np.concatenate([model.scorer(lot, bank).numpy() for lot in features.lots()])


def tile_scores(model: Model, features: FeatureSet) -> Scores:
    """N."""
    return np.array([top_mean(cells, model.top_cells) for cells in tile_maps(model, features)])


def auroc(good: Scores, spoilt: Scores) -> float:
    """Probability that a spoilt tile scores above a good one, ties counting half."""
    truth = np.repeat([0, 1], [len(good), len(spoilt)])
    return float(roc_auc_score(truth, np.concatenate([good, spoilt])))
