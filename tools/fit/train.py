"""Training the embedder on features that were computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tools.backbones.folding import round_to_half
from tools.fit.extract import FeatureSet
from tools.method.decoder import Decoder
from tools.method.embedder import Embedder
from tools.method.features import Features
from tools.method.losses import CONTRAST_WEIGHT, contrast, reconstruction

STEPS = 150
"""Least number of steps. The published 50 epochs are no more on few pictures; with more steps the embedder learns
these good tiles by heart, and held-out ones look defective to it."""
POSITIONS = 2048
"""Positions of good in a step: the published batch of 8 at 256 px."""
LEARNING_RATE, PEAK_LEARNING_RATE = 4e-4, 4e-3
BETAS = 0.5, 0.999
WEIGHT_DECAY = 1e-5
"""All four as published, with OneCycle between the rates."""


@dataclass(frozen=True)
class Epoch:
    """Mean losses over one pass through the good tiles."""

    number: int
    contrast: float
    reconstruction: float


def train_embedder(
    good: FeatureSet,
    spoilt: FeatureSet,
    shares: NDArray[np.float32],
    *,
    channels: tuple[int, int],
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Embedder, list[Epoch]]:
    """Train by contrast between good tiles and others, half of them spoilt.

    Args:
        good: features of good tiles.
        spoilt: features of tiles with a synthetic defect each.
        shares: N×h×w, how far each cell of `spoilt` is defective, 0…1.
        channels: of the two depths.
        seed: of weights and order.
        progress: told the share of the training that a step was.

    Returns:
        The embedder, its weights exact in half precision, and the course of the losses.
    """
    torch.manual_seed(seed)
    embedder, decoder = Embedder(channels), Decoder(channels)
    batches = _Batches(good, spoilt, torch.from_numpy(shares), np.random.default_rng([seed, 3]))
    optimiser = torch.optim.Adam(embedder.parameters(), LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY)
    epochs = math.ceil(STEPS / batches.steps)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LEARNING_RATE, total_steps=epochs * batches.steps)
    history = []
    for number in range(1, epochs + 1):
        losses = []
        for first, second, share in batches.epoch():
            embedded = embedder(first)
            apart = contrast(embedded, embedder(second), share)
            rebuilt = reconstruction(decoder(embedded), first)
            optimiser.zero_grad()
            (CONTRAST_WEIGHT * apart + rebuilt).backward()  # type: ignore[no-untyped-call]  # torch declares no types here
            optimiser.step()
            schedule.step()
            losses.append((apart.item(), rebuilt.item()))
            progress(1 / (epochs * batches.steps))
        history.append(Epoch(number, *np.mean(losses, axis=0).tolist()))
    return _finished(embedder), history


class _Batches:
    """Pairs of good tiles with others, drawn anew in each epoch."""

    def __init__(self, good: FeatureSet, spoilt: FeatureSet, shares: torch.Tensor, rng: np.random.Generator) -> None:
        self._good, self._spoilt, self._shares, self._rng = good, spoilt, shares, rng
        rows, columns = good.middle.shape[2:]
        self._size = min(max(4, POSITIONS // (rows * columns)), len(good))
        self.steps = max(1, len(good) // self._size)

    def epoch(self) -> Iterator[tuple[Features, Features, torch.Tensor]]:
        """Features of good tiles, of the tiles paired with them, and how far the latter's cells are defective."""
        order = self._rng.permutation(len(self._good))
        for step in range(self.steps):
            first = order[step * self._size : (step + 1) * self._size]
            half = len(first) // 2
            again = self._rng.integers(len(self._good), size=len(first) - half)
            bad = self._rng.integers(len(self._spoilt), size=half)
            second = _stack(self._good.take(again), self._spoilt.take(bad))
            clean = torch.zeros(len(again), *self._shares.shape[1:])
            yield self._good.take(first), second, torch.cat([clean, self._shares[bad]])


def _stack(first: Features, second: Features) -> Features:
    return Features(torch.cat([first.middle, second.middle]), torch.cat([first.deep, second.deep]))


def _finished(embedder: Embedder) -> Embedder:
    round_to_half(embedder)
    return embedder.eval().requires_grad_(requires_grad=False)
