"""The tiles that training sees, made once: good ones, and good ones spoilt by a synthetic defect each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import get_num_threads

from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from tools.fit.ahead import ahead
from tools.fit.asked import MOST_SYNTHETIC
from tools.fit.splits import Part, Split
from tools.method.defects import draw

MOST_CUT = 800
"""Tiles cut from the pictures at most, to be trained on twice, as they are and in other light; of more, so many are
drawn at random. They keep a fit on two cores within minutes."""
MOST_HELD_OUT = 300
FEWEST_SPOILT, MOST_SPOILT = 600, 900
"""Of those that are kept whole."""
SPOILT_TO_GOOD = 16
"""Spoilt tiles for each good one from which evidence is learned, and how many at most. Of a few hundred, the drawn
defects themselves are learned by heart; on magnetic tiles sixteen times as many, and the longer training that they
allow, raised what evidence alone tells of whole frames from 0.82 to 0.90 (image AUROC)."""
OF_ONE_PIECE = 300
"""Spoilt tiles where all pictures show one small piece of surface, those held out too. With thousands, evidence comes
to know that piece by heart and takes any other for defective, which nothing that is held out could tell."""
LOT = 100
"""Spoilt tiles drawn at a time where they are not kept."""
DRAWERS = 4
"""Threads that draw them ahead at most; Python lets no more of them run at once."""
FEWEST_HELD_OUT_SPOILT, MOST_HELD_OUT_SPOILT = 120, 300
DONORS = 8
"""Other good tiles that a defect may take patches from."""
GAIN, OFFSET = 0.06, 5.0
"""Light changes: brightness is multiplied by up to 1 ± GAIN and moved by up to ± OFFSET grey levels."""
FULL_SHARE = 0.1
"""A cell with this share of it under the mask counts as defective in full: a thin scratch covers no more."""
Tiles = NDArray[np.uint8]


@dataclass(frozen=True)
class Spoilt:
    """Tiles with a synthetic defect each."""

    tiles: Tiles
    """N×T×T×3 RGB."""
    masks: NDArray[np.bool_]
    """N×T×T, where the picture changed."""
    kinds: list[str]

    def shares(self, cell: int) -> NDArray[np.float32]:
        """N×h×w, how far each cell is defective, 0…1."""
        count, size, _ = self.masks.shape
        cells = self.masks.reshape(count, size // cell, cell, size // cell, cell).mean(axis=(2, 4))
        shares: NDArray[np.float32] = np.minimum(cells / FULL_SHARE, 1).astype(np.float32)
        return shares


def cut_tiles(parts: Sequence[Part], geometry: TileGeometry, most: int, rng: np.random.Generator) -> Tiles:
    """Tiles of all parts, as the daemon cuts them, at most `most`: N×T×T×3."""
    grids = [part.grid(geometry) for part in parts]
    places = [(index, tile) for index, grid in enumerate(grids) for tile in range(len(grid))]
    if len(places) > most:
        places = [places[chosen] for chosen in sorted(rng.choice(len(places), most, replace=False))]
    tiles = np.empty((len(places), geometry.size, geometry.size, 3), np.uint8)
    row = 0
    for index, of_part in groupby(places, key=itemgetter(0)):
        frame = parts[index].read()
        for _, tile in of_part:
            grids[index].cut(frame, PixelFormat.RGB8, tile, tile + 1, tiles[row : row + 1])
            row += 1
    return tiles


def relight(tiles: Tiles, rng: np.random.Generator) -> Tiles:
    """The same tiles in slightly other light."""
    shape = len(tiles), 1, 1, 1
    gain = rng.uniform(1 - GAIN, 1 + GAIN, shape).astype(np.float32)
    offset = rng.uniform(-OFFSET, OFFSET, shape).astype(np.float32)
    relit: Tiles = np.clip(np.rint(tiles * gain + offset), 0, 255).astype(np.uint8)
    return relit


def spoil(
    tiles: Tiles, count: int, rng: np.random.Generator, progress: Callable[[int], None] = lambda _: None
) -> Spoilt:
    """Draw a synthetic defect on each of `count` tiles, taken from `tiles` in turn."""
    order = np.resize(rng.permutation(len(tiles)), count)
    drawn = []
    for index in order:
        donors = [tiles[donor] for donor in rng.choice(len(tiles), min(DONORS, len(tiles)), replace=False)]
        drawn.append(draw(rng, tiles[index], [donor for donor in donors if donor is not tiles[index]]))
        progress(1)
    return Spoilt(
        np.stack([defect.pixels for defect in drawn]),
        np.stack([defect.mask for defect in drawn]),
        [defect.kind for defect in drawn],
    )


@dataclass(frozen=True)
class Pool:
    """All tiles of a fit."""

    good: Tiles
    """Trained on, and what the centroids are made of."""
    spoilt: Spoilt
    """The same, spoilt."""
    held_out: Tiles
    held_out_spoilt: Spoilt
    more: int
    """How many more tiles `spoil_more` draws."""
    seed: int

    def spoil_more(self) -> Iterator[Spoilt]:
        """Further spoilt tiles, a lot at a time: together they would fill the memory of a small PC."""
        counts = [min(LOT, self.more - start) for start in range(0, self.more, LOT)]
        lots = enumerate(counts)
        return ahead((partial(self._spoil_lot, index, count) for index, count in lots), min(DRAWERS, get_num_threads()))

    def _spoil_lot(self, index: int, count: int) -> Spoilt:
        return spoil(self.good, count, np.random.default_rng([self.seed, 11, index]))


def make_pool(
    parts: Split,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
    *,
    synthetic: int | Literal["auto"] = "auto",
) -> Pool:
    """Cut and spoil all tiles. `progress` is told the share of the work done; `synthetic` says how many tiles are
    spoilt, kept or not."""
    rng = np.random.default_rng([seed, 2])
    cut = cut_tiles(parts.train, parts.geometry, MOST_CUT, rng)
    good = np.concatenate([cut, relight(cut, rng)])
    held_out = cut_tiles(parts.held_out, parts.geometry, MOST_HELD_OUT, rng)
    held_out_spoilt = int(np.clip(2 * len(held_out), FEWEST_HELD_OUT_SPOILT, MOST_HELD_OUT_SPOILT))
    if synthetic == "auto" and parts.seen and not parts.one_print:
        synthetic = OF_ONE_PIECE
    spoilt, more = _spoilt_count(len(good), synthetic)
    counts = spoilt, held_out_spoilt

    def advance(done: int) -> None:
        progress(done / sum(counts))

    return Pool(
        good,
        spoil(good, counts[0], rng, advance),
        held_out,
        spoil(held_out, counts[1], rng, advance),
        more,
        seed,
    )


def _spoilt_count(good: int, synthetic: int | Literal["auto"]) -> tuple[int, int]:
    """How many spoilt tiles are kept, and how many are drawn beside them."""
    if synthetic != "auto":
        return min(synthetic, MOST_SPOILT), max(0, synthetic - MOST_SPOILT)
    kept = int(np.clip(2 * good, FEWEST_SPOILT, MOST_SPOILT))
    return kept, int(np.clip(SPOILT_TO_GOOD * good, kept, MOST_SYNTHETIC)) - kept
