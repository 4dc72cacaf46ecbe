"""CSE as published, faithful to what is known of it: what the shipped method is held against."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from calib.centroids import MAX_CENTROIDS
from tools.backbones.folding import round_to_half
from tools.errors import FitError
from tools.fit.extract import FeatureSet
from tools.fit.models import Losses, Model
from tools.fit.sets import TrainingSet
from tools.method.decoder import Decoder
from tools.method.embedder import Embedder
from tools.method.features import Features
from tools.method.losses import CONTRAST_WEIGHT, contrast, reconstruction
from tools.method.score import top_cells
from tools.method.scorers import DEEP, LockedScorer

Indices = NDArray[np.int64]
_Batch = tuple[Features, Features, Tensor]
"""Good tiles, their partners, and which of these are spoilt."""
KINDS = frozenset({"structural", "textural", "blur"})
"""Of synthetic defects."""
EPOCHS, BATCH, VALIDATION = 50, 8, 0.2
LEARNING_RATE, PEAK_LEARNING_RATE = 4e-4, 4e-3
BETAS, WEIGHT_DECAY = (0.5, 0.999), 1e-5
"""All of these as published, with OneCycle between the rates."""
MOST_STEPS = 500
"""50 epochs of 80 pictures. On more pictures there are fewer epochs, so that it takes a minute on two cores."""


def fit_published(data: TrainingSet) -> Model:
    """One map of good, locked to its positions, and the mean over all of them as the score.

    Raises:
        FitError: tiles are so large that their positions are more than a graph takes as centroids.
    """
    embedder, losses = _train(data)
    scorer = LockedScorer(embedder).eval()
    bank = _bank(embedder, data.good)
    if len(bank) > MAX_CENTROIDS:
        raise FitError(f"cse-published keeps {len(bank)} positions, a graph takes {MAX_CENTROIDS}; use smaller tiles")
    return Model("cse-published", scorer, bank, top_cells(DEEP, len(bank)), losses)


@torch.inference_mode()
def _bank(embedder: Embedder, good: FeatureSet) -> NDArray[np.float32]:
    """The real map nearest to the mean of all (k-means with one centroid), its positions as rows of length 1."""
    maps = torch.cat([functional.normalize(embedder.reduced(lot), dim=1, eps=1e-6) for lot in good.lots()])
    mean = maps.mean(0, keepdim=True)
    nearest = maps[int((maps - mean).square().flatten(1).sum(1).argmin())]
    return nearest.flatten(1).T.contiguous().numpy()


def _train(data: TrainingSet) -> tuple[Embedder, tuple[Losses, ...]]:
    rng = np.random.default_rng([data.seed, 3])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(data.seed)
        embedder, decoder = Embedder(data.channels), Decoder(data.channels)
        pairs = _Pairs(data, rng)
        epochs = max(1, min(EPOCHS, MOST_STEPS // pairs.steps))
        optimiser = torch.optim.Adam(embedder.parameters(), LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LEARNING_RATE, total_steps=epochs * pairs.steps)
        best, least, history = copy.deepcopy(embedder), math.inf, []
        for number in range(1, epochs + 1):
            embedder.train()
            lot = []
            for good, other, defective in pairs.epoch():
                loss, parts = _losses(embedder, decoder, good, other, defective)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch declares no types here
                optimiser.step()
                schedule.step()
                lot.append(parts)
            history.append(Losses(number * pairs.steps, *np.mean(lot, axis=0).tolist()))
            held_out = _validate(embedder, decoder, pairs)
            if held_out < least:
                best, least = copy.deepcopy(embedder), held_out
    round_to_half(best)
    return best.eval().requires_grad_(requires_grad=False), tuple(history)


def _losses(
    embedder: Embedder, decoder: Decoder, good: Features, other: Features, defective: Tensor
) -> tuple[Tensor, tuple[float, float]]:
    embedded = embedder(good)
    apart = contrast(functional.avg_pool2d(embedded, 2), embedder.reduced(other), defective)
    rebuilt = reconstruction(decoder(embedded), (good.middle, good.deep))
    return CONTRAST_WEIGHT * apart + rebuilt, (apart.item(), rebuilt.item())


@torch.no_grad()
def _validate(embedder: Embedder, decoder: Decoder, pairs: _Pairs) -> float:
    embedder.eval()
    return float(np.mean([_losses(embedder, decoder, *batch)[0].item() for batch in pairs.validation()]))


class _Pairs:
    """Good tiles paired with others, half of these spoilt; a fifth of the good ones is kept to choose the epoch."""

    def __init__(self, data: TrainingSet, rng: np.random.Generator) -> None:
        self._good, self._rng = data.good, rng
        published = data.spoilt.of_kinds(KINDS)
        self._spoilt = (published if len(published) else data.spoilt).features
        order = rng.permutation(len(data.good))
        kept = max(1, round(VALIDATION * len(order)))
        self._validation, self._train = order[:kept], order[kept:] if len(order) > kept else order
        self.steps = max(1, len(self._train) // BATCH)

    def epoch(self) -> Iterator[_Batch]:
        """Batches of good tiles, of their partners, and which of these are spoilt."""
        order = self._rng.permutation(self._train)
        for start in range(0, self.steps * BATCH, BATCH):
            yield self._pair(order[start : start + BATCH], self._rng)

    def validation(self) -> Iterator[_Batch]:
        """The same pairs each time."""
        rng = np.random.default_rng(0)
        for start in range(0, len(self._validation), BATCH):
            yield self._pair(self._validation[start : start + BATCH], rng)

    def _pair(self, first: Indices, rng: np.random.Generator) -> _Batch:
        half = len(first) // 2
        again = self._good.take(rng.choice(self._train, len(first) - half))
        spoilt = self._spoilt.take(rng.integers(len(self._spoilt), size=half))
        other = Features(*(torch.cat(pair) for pair in zip(again, spoilt, strict=True)))
        return self._good.take(first), other, torch.arange(len(first)) >= len(first) - half
