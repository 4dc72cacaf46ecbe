"""Training evidence: positions of good against positions under synthetic defects, good's most doubtful ones twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.backbones.folding import round_to_half
from tools.fit.models import Losses
from tools.method.evidence import Evidence, Head
from tools.method.features import Channels

BATCH = 1024
"""Positions of each side in a step."""
EPOCHS, LEAST_STEPS = 10, 80
"""How often each defective position is seen, and how many steps there are at least. Few: seen much oftener, or without
dropout, the drawn defects are known by heart, and real ones found less well."""
FIRST = 1 / 3
"""Share of the steps that is made before doubtful positions are looked for."""
DOUBTFUL = 0.05
"""Share of good's positions that look most like defects after the first steps; from then on they are every second
position of good in a step. Good metal has hair lines, stamped numbers and borders, seldom enough to be learned over
by the many plain positions, and a score is made of a tile's few strangest cells (hard negatives, Shrivastava et al.,
CVPR 2016)."""
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.05
"""OneCycle up to the rate, AdamW (Loshchilov & Hutter 2019)."""
STANDARDISED = 50_000
"""Positions of good by which channels are standardised."""
LOT = 10
"""Steps told as one in the course of the losses."""


def train_evidence(
    good: Tensor, defective: Tensor, channels: Channels, seed: int
) -> tuple[Evidence, tuple[Losses, ...]]:
    """Learn to tell positions under defects from all others.

    Args:
        good: n×C, positions of good in random order.
        defective: m×C, positions under defects.
        channels: of the three depths, C together.
        seed: of weights and order.

    Returns:
        Evidence, its weights exact in half precision, and the course of the loss (nats).
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = Head(good[:STANDARDISED].float())
        steps = max(LEAST_STEPS, EPOCHS * len(defective) // BATCH)
        first = round(FIRST * steps)
        course = [*_descend(head, first, (good,), defective, generator)]
        course += _descend(head, steps - first, (good, _doubtful(head, good)), defective, generator)
        evidence = Evidence(channels)
    evidence.take_over(head.eval())
    round_to_half(evidence)
    return evidence.eval().requires_grad_(requires_grad=False), tuple(
        Losses(index * LOT, loss) for index, loss in enumerate(course, start=1)
    )


def _descend(
    head: Head, steps: int, good: Sequence[Tensor], defective: Tensor, generator: torch.Generator
) -> Iterator[float]:
    """Each step takes as many positions of every part of `good`. Yields the mean loss of `LOT` steps after another."""
    optimiser = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    truth = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    lot = []
    for step in range(1, steps + 1):
        sides = [(defective, BATCH), *((part, BATCH // len(good)) for part in good)]
        rows = torch.cat([_some(part, count, generator) for part, count in sides]).float()
        loss = functional.binary_cross_entropy_with_logits(head(rows), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch declares no types here
        optimiser.step()
        schedule.step()
        lot.append(loss.item())
        if step % LOT == 0:
            yield float(np.mean(lot))
            lot.clear()


@torch.inference_mode()
def _doubtful(head: Head, good: Tensor) -> Tensor:
    """The positions of good that look most like defects."""
    head.eval()
    logits = torch.cat([head(rows.float()) for rows in torch.split(good, 1 << 16)])
    head.train()
    return good[logits.topk(max(1, round(DOUBTFUL * len(good)))).indices].clone()


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return rows[torch.randint(len(rows), (count,), generator=generator)]
