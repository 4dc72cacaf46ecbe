"""Training evidence: positions of good against positions under synthetic defects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.backbones.folding import round_to_half
from tools.fit.extract import FeatureSet
from tools.fit.models import Losses
from tools.fit.sets import SpoiltSet
from tools.method.evidence import Evidence, Head, side_by_side
from tools.method.features import Channels, Features

STEPS = 120
"""Few: after 300 steps, or without dropout, the drawn defects are known by heart, and real ones found less well."""
BATCH = 2048
"""Positions of each side in a step."""
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.05
"""OneCycle up to the rate, AdamW (Loshchilov & Hutter 2019)."""
PER_TILE = 48
"""Positions taken from a tile at most, of each side."""
STANDARDISED = 50_000
"""Positions of good by which channels are standardised."""
LOT = 10
"""Steps told as one in the course of the losses."""


def train_evidence(
    good: FeatureSet, spoilt: SpoiltSet, channels: Channels, seed: int
) -> tuple[Evidence, tuple[Losses, ...]]:
    """Learn to tell positions under defects from all others.

    Args:
        good: features of good tiles.
        spoilt: features of spoilt ones. A cell next to a defect counts neither way: the backbone sees beyond a cell.
        channels: of the three depths.
        seed: of weights and order.

    Returns:
        Evidence, its weights exact in half precision, and the course of the loss (nats).
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clean, defective = _positions(good, spoilt, generator)
        head = Head(clean[:STANDARDISED].float())
        losses = tuple(_descend(head, clean, defective, generator))
        evidence = Evidence(channels)
    evidence.take_over(head.eval())
    round_to_half(evidence)
    return evidence.eval().requires_grad_(requires_grad=False), losses


def _descend(head: Head, clean: Tensor, defective: Tensor, generator: torch.Generator) -> Iterator[Losses]:
    optimiser = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=STEPS)
    truth = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    lot = []
    for step in range(1, STEPS + 1):
        rows = torch.cat([_some(defective, generator), _some(clean, generator)]).float()
        loss = functional.binary_cross_entropy_with_logits(head(rows), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch declares no types here
        optimiser.step()
        schedule.step()
        lot.append(loss.item())
        if step % LOT == 0:
            yield Losses(step, float(np.mean(lot)))
            lot.clear()


def _some(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows[torch.randint(len(rows), (BATCH,), generator=generator)]


def _positions(good: FeatureSet, spoilt: SpoiltSet, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Positions of good, and those under defects, as rows in half precision."""
    clean = [_drawn(lot, torch.ones_like(lot.fine[:, 0]), generator) for lot in good.lots()]
    defective, start = [], 0
    for lot in spoilt.features.lots():
        share = torch.from_numpy(spoilt.shares[start : start + len(lot.fine)])
        start += len(lot.fine)
        near = functional.max_pool2d(share[:, None], 3, stride=1, padding=1)[:, 0]
        clean.append(_drawn(lot, (near == 0).float(), generator))
        # Where a defect nowhere covers a cell in full, the cell that it covers most stands for it.
        full = share.flatten(1).amax(1).clamp_max(1.0)[:, None, None]
        defective.append(_drawn(lot, ((share >= full) & (share > 0)).float(), generator))
    rows = torch.cat(clean)
    return rows[torch.randperm(len(rows), generator=generator)], torch.cat(defective)


def _drawn(lot: Features, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """Up to `PER_TILE` of each tile's wanted positions (N×h×w, 1 where wanted), drawn at random."""
    chance = torch.rand(wanted.shape, generator=generator) * wanted
    order = chance.flatten(1).topk(min(PER_TILE, wanted[0].numel()), dim=1)
    tile, place = torch.nonzero(order.values > 0, as_tuple=True)
    rows = side_by_side(lot).flatten(2)
    return rows[tile, :, order.indices[tile, place]].half()
