"""What evidence learns from: positions of good against positions under synthetic defects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.fit.extract import FeatureSet
from tools.fit.sets import SpoiltSet
from tools.method.evidence import side_by_side
from tools.method.features import Features

PER_TILE = 48
"""Positions taken from a tile at most, of each side."""
_NO_DEFECT = ""
"""The kind that positions of good tiles are of."""


@dataclass(frozen=True)
class _Side:
    """Positions, in an order that says nothing."""

    rows: Tensor
    """n×C in half precision, all depths side by side."""
    kinds: Sequence[str]
    """Of the defects that can occur on the tiles."""
    of: Tensor
    """n, which of the kinds is on the tile that a position was taken from."""

    def only(self, kinds: frozenset[str]) -> Tensor:
        chosen = torch.tensor([kind in kinds for kind in self.kinds])
        return self.rows[chosen[self.of]]


@dataclass(frozen=True)
class Contrast:
    """Positions to tell apart, gathered once; evidence is learned from all kinds of defects and from some."""

    good: _Side
    """Of good tiles, and of spoilt ones where nothing is defective."""
    defective: _Side

    def of_kinds(self, kinds: frozenset[str]) -> tuple[Tensor, Tensor]:
        """Rows of good and rows under defects, of good tiles and of those with a defect of one of these kinds."""
        return self.good.only(kinds | {_NO_DEFECT}), self.defective.only(kinds)


def gather(good: FeatureSet, spoilt: SpoiltSet, seed: int) -> Contrast:
    """Positions from features of good tiles and of spoilt ones.

    A cell next to a defect counts neither way, for the backbone sees beyond a cell. Where a defect nowhere covers a
    cell in full, the cell that it covers most stands for it.

    Args:
        good: features of good tiles.
        spoilt: features of tiles with a synthetic defect each.
        seed: of which positions are taken.
    """
    generator = torch.Generator().manual_seed(seed)
    kinds = [_NO_DEFECT, *sorted(set(spoilt.kinds))]
    clean, defective = _Gathering(kinds, generator), _Gathering(kinds, generator)
    for lot in good.lots():
        clean.take(lot, torch.ones_like(lot.fine[:, 0]), [_NO_DEFECT] * len(lot.fine))
    start = 0
    for lot in spoilt.features.lots():
        end = start + len(lot.fine)
        share, of = torch.from_numpy(spoilt.shares[start:end]), spoilt.kinds[start:end]
        start = end
        near = functional.max_pool2d(share[:, None], 3, stride=1, padding=1)[:, 0]
        clean.take(lot, (near == 0).float(), of)
        full = share.flatten(1).amax(1).clamp_max(1.0)[:, None, None]
        defective.take(lot, ((share >= full) & (share > 0)).float(), of)
    return Contrast(clean.side(), defective.side())


class _Gathering:
    def __init__(self, kinds: Sequence[str], generator: torch.Generator) -> None:
        self._kinds, self._generator = kinds, generator
        self._rows: list[Tensor] = []
        self._of: list[Tensor] = []

    def take(self, lot: Features, wanted: Tensor, kinds: Sequence[str]) -> None:
        """Up to `PER_TILE` of each tile's wanted positions (N×h×w, 1 where wanted), drawn at random."""
        chance = torch.rand(wanted.shape, generator=self._generator) * wanted
        order = chance.flatten(1).topk(min(PER_TILE, wanted[0].numel()), dim=1)
        tile, place = torch.nonzero(order.values > 0, as_tuple=True)
        maps = side_by_side(lot).flatten(2)
        self._rows.append(maps[tile, :, order.indices[tile, place]].half())
        self._of.append(torch.from_numpy(np.array([self._kinds.index(kind) for kind in kinds], np.int64))[tile])

    def side(self) -> _Side:
        """All that was taken, shuffled."""
        rows = torch.cat(self._rows)
        order = torch.randperm(len(rows), generator=self._generator)
        return _Side(rows[order], self._kinds, torch.cat(self._of)[order])
