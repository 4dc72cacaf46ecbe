"""Which embedding ships: what contrast learned, what whitening keeps of good, or both. The held-out tiles decide.

Whitened features know what good looks like and nothing of defects; contrast knows synthetic defects and may have
forgotten what tells good from what it never saw. Neither wins on every surface, so each fit tries all of them.

The whitened branch has many centroids. The learned one has one, as published: contrast pulls all of good towards a
single direction, and more centroids would only let defects near the outliers of good pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import nn

from calib.centroids import centroid_count, fit_centroids
from calib.score import top_mean
from tools.fit.extract import FeatureSet
from tools.method.bank import distance
from tools.method.embedder import Embedder, Embedding, Unit, Whitening
from tools.method.features import positions
from tools.method.score import TOP_CELLS

CSE, LEARNED, WHITENED = "cse", "cse-learned", "whitened"
LEARNED_MARGIN = 0.02
"""AUROC by which an embedding with the learned branch must win to ship. The comparison is on synthetic defects, the
very kinds that this branch was trained on, so a small lead there says nothing of real ones."""
MOST_POSITIONS = 100_000
"""Of good, for principal directions and centroids; more hardly move either."""
_BATCH = 32


@dataclass(frozen=True)
class HeldOut:
    """Tiles that neither training nor centroids saw."""

    good: FeatureSet
    spoilt: FeatureSet


@dataclass(frozen=True)
class Candidate:
    """An embedding with its centroids, and how it does on the held-out tiles."""

    name: str
    embedding: Embedding
    centroids: NDArray[np.float32]
    """K×E."""
    auroc: float
    """Held-out good tiles against held-out synthetic defects, by score."""
    separation: float
    """Between the medians of the two, in deviations of good: tells candidates apart where all reach AUROC 1."""


def fit_candidates(
    train: FeatureSet,
    held_out: HeldOut,
    embedder: Embedder | None,
    *,
    channels: tuple[int, int],
    centroids: int | Literal["auto"],
    seed: int,
) -> list[Candidate]:
    """Make every embedding that can be made; without an `embedder` that is whitening alone."""
    train = _thinned(train)
    whitened = _whitened_branch(train, held_out.good, channels, centroids, seed)
    candidates = [_candidate(WHITENED, [whitened], held_out)]
    if embedder is not None:
        learned = _learned_branch(train, held_out.good, embedder)
        candidates.append(_candidate(LEARNED, [learned], held_out))
        candidates.append(_candidate(CSE, [whitened, learned], held_out))
    return candidates


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Whitened features, or both branches where they lead by the margin; where that ties, by separation.

    The learned branch alone is compared but never ships: with one centroid it knows little of good, its scores
    saturate, and a real defect unlike the synthetic ones may then lie below the threshold in silence.
    """

    def merit(candidate: Candidate) -> tuple[float, float]:
        margin = 0.0 if candidate.name == WHITENED else LEARNED_MARGIN
        return round(candidate.auroc - margin, 3), candidate.separation

    return max((candidate for candidate in candidates if candidate.name != LEARNED), key=merit)


@torch.inference_mode()
def tile_maps(embedding: Embedding, features: FeatureSet, centroids: NDArray[np.float32]) -> NDArray[np.float32]:
    """N×h×w, distance to the nearest centroid."""
    bank = torch.from_numpy(centroids)
    return np.concatenate([distance(embedding(features.take(lot)), bank).numpy() for lot in _lots(len(features))])


@dataclass(frozen=True)
class _Branch:
    module: nn.Module
    centroids: NDArray[np.float32]
    scale: float
    """Inverse of held-out good's mean score by this branch alone: makes branches commensurable."""


def _whitened_branch(
    train: FeatureSet, good: FeatureSet, channels: tuple[int, int], count: int | Literal["auto"], seed: int
) -> _Branch:
    whitening = Whitening(channels)
    whitening.fit(train.take(slice(None)))
    whitening.requires_grad_(requires_grad=False)
    rows = _rows(whitening, train)
    return _scaled(whitening, fit_centroids(rows, centroid_count(count, len(rows)), seed), good)


def _learned_branch(train: FeatureSet, good: FeatureSet, embedder: Embedder) -> _Branch:
    unit = Unit(embedder).eval()
    return _scaled(unit, _rows(unit, train).mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32), good)


def _scaled(module: nn.Module, centroids: NDArray[np.float32], good: FeatureSet) -> _Branch:
    typical = _scores(tile_maps(Embedding([module], [1.0]), good, centroids)).mean()
    return _Branch(module, centroids, 1 / max(float(typical), 1e-6))


def _candidate(name: str, branches: Sequence[_Branch], held_out: HeldOut) -> Candidate:
    embedding = Embedding([branch.module for branch in branches], [branch.scale for branch in branches]).eval()
    count = max(len(branch.centroids) for branch in branches)
    # A branch with one centroid repeats it, beside every centroid of the other.
    columns = [
        np.resize(branch.centroids * np.float32(branch.scale), (count, branch.centroids.shape[1]))
        for branch in branches
    ]
    centroids = np.concatenate(columns, axis=1)
    good, spoilt = (_scores(tile_maps(embedding, each, centroids)) for each in (held_out.good, held_out.spoilt))
    return Candidate(name, embedding, centroids, _auroc(good, spoilt), _separation(good, spoilt))


def _thinned(features: FeatureSet) -> FeatureSet:
    cells = features.middle.shape[2] * features.middle.shape[3]
    step = -(-len(features) * cells // MOST_POSITIONS)
    return FeatureSet(features.middle[::step], features.deep[::step])


@torch.inference_mode()
def _rows(branch: nn.Module, features: FeatureSet) -> NDArray[np.float32]:
    return torch.cat([positions(branch(features.take(lot))) for lot in _lots(len(features))]).numpy()


def _scores(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.array([top_mean(cells, TOP_CELLS) for cells in maps])


def _lots(count: int) -> list[slice]:
    return [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]


def _auroc(good: NDArray[np.float64], spoilt: NDArray[np.float64]) -> float:
    truth = np.repeat([0, 1], [len(good), len(spoilt)])
    return float(roc_auc_score(truth, np.concatenate([good, spoilt])))


def _separation(good: NDArray[np.float64], spoilt: NDArray[np.float64]) -> float:
    spread = max(float(good.std()), 1e-3 * float(good.mean()), 1e-9)
    return float((np.median(spoilt) - np.median(good)) / spread)
