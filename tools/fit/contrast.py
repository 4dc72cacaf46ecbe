"""What evidence learns from: positions of good against positions under synthetic defects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.fit.extract import FeatureSet
from tools.fit.spoilt import SpoiltSet
from tools.method.evidence import side_by_side
from tools.method.features import Features

MOST_ROWS = 300_000
"""Positions of each side from spoilt tiles, about."""
LEAST_PER_TILE, MOST_PER_TILE = 12, 48
"""Positions taken from a tile at most, of each side: fewer where there are many tiles, for another tile tells more than
another place of the same."""
_NO_DEFECT = -1
"""What positions of good tiles are of."""


@dataclass(frozen=True)
class _Side:
    """Positions, in an order that says nothing."""

    rows: Tensor
    """n×C in half precision, all depths side by side."""
    of: Tensor
    """n, which kind of defect is on the tile that a position was taken from, as an index into `Contrast.kinds`; -1
    where none is."""

    def only(self, kinds: Sequence[int]) -> Tensor:
        return self.rows[torch.isin(self.of, torch.tensor(kinds))]


@dataclass(frozen=True)
class Contrast:
    """Positions to tell apart, gathered once; evidence is learned from all kinds of defects and from some."""

    kinds: Sequence[str]
    """Of defects that were drawn."""
    good: _Side
    """Of good tiles, and of spoilt ones where nothing is defective."""
    defective: _Side

    def of_kinds(self, kinds: Iterable[str]) -> tuple[Tensor, Tensor]:
        """Rows of good and rows under defects, of good tiles and of those with a defect of one of these kinds."""
        chosen = [index for index, kind in enumerate(self.kinds) if kind in set(kinds)]
        return self.good.only([_NO_DEFECT, *chosen]), self.defective.only(chosen)


def per_tile(spoilt: int) -> int:
    """How many positions of each side are taken from a tile at most, where so many are spoilt."""
    return int(np.clip(MOST_ROWS // max(1, spoilt), LEAST_PER_TILE, MOST_PER_TILE))


def gather(good: FeatureSet, spoilt: Iterable[SpoiltSet], most: int, seed: int) -> Contrast:
    """Positions from features of good tiles and of spoilt ones.

    A cell next to a defect counts neither way, for the backbone sees beyond a cell. Where a defect nowhere covers a
    cell in full, the cell that it covers most stands for it.

    Args:
        good: features of good tiles.
        spoilt: features of tiles with a synthetic defect each, a lot at a time; none is kept.
        most: positions of each side from a tile; see `per_tile`.
        seed: of which positions are taken.
    """
    generator = torch.Generator().manual_seed(seed)
    kinds: dict[str, int] = {}
    clean, defective = _Gathering(most, generator), _Gathering(most, generator)
    for lot in good.lots():
        clean.take(lot, torch.ones_like(lot.fine[:, 0]), [_NO_DEFECT] * len(lot.fine))
    for tiles in spoilt:
        start = 0
        for lot in tiles.features.lots():
            end = start + len(lot.fine)
            share = torch.from_numpy(tiles.shares[start:end])
            of = [kinds.setdefault(kind, len(kinds)) for kind in tiles.kinds[start:end]]
            start = end
            near = functional.max_pool2d(share[:, None], 3, stride=1, padding=1)[:, 0]
            clean.take(lot, (near == 0).float(), of)
            full = share.flatten(1).amax(1).clamp_max(1.0)[:, None, None]
            defective.take(lot, ((share >= full) & (share > 0)).float(), of)
    return Contrast(list(kinds), clean.side(), defective.side())


class _Gathering:
    def __init__(self, most: int, generator: torch.Generator) -> None:
        self._most, self._generator = most, generator
        self._rows: list[Tensor] = []
        self._of: list[Tensor] = []

    def take(self, lot: Features, wanted: Tensor, of: Sequence[int]) -> None:
        """Up to `most` of each tile's wanted positions (N×h×w, 1 where wanted), drawn at random."""
        chance = torch.rand(wanted.shape, generator=self._generator) * wanted
        order = chance.flatten(1).topk(min(self._most, wanted[0].numel()), dim=1)
        tile, place = torch.nonzero(order.values > 0, as_tuple=True)
        maps = side_by_side(lot).flatten(2)
        self._rows.append(maps[tile, :, order.indices[tile, place]].half())
        self._of.append(torch.tensor(of)[tile])

    def side(self) -> _Side:
        """All that was taken, shuffled."""
        rows = torch.cat(self._rows)
        self._rows.clear()  # a few hundred MB
        order = torch.randperm(len(rows), generator=self._generator)
        return _Side(rows[order], torch.cat(self._of)[order])
