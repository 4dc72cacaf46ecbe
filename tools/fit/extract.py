"""Features of many tiles, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tools.fit.cache import FeatureCache
from tools.method.features import FeatureExtractor, Features

BATCH = 8
LOT = 32
"""Tiles whose features are widened to float32 at a time."""


@dataclass(frozen=True)
class FeatureSet:
    """Features of tiles in half precision; a batch is widened when it is taken."""

    fine: NDArray[np.float16]
    """N×C×h×w."""
    middle: NDArray[np.float16]
    """N×D×h/2×w/2."""
    deep: NDArray[np.float16]
    """N×E×h/4×w/4."""
    colour: NDArray[np.float16]
    """N×3×2h×2w."""

    def __len__(self) -> int:
        return len(self.middle)

    def take(self, chosen: NDArray[np.int64] | slice) -> Features:
        """Some of them, float32."""
        return Features(*(torch.from_numpy(maps[chosen].astype(np.float32)) for maps in self._maps))

    def only(self, chosen: NDArray[np.int64] | NDArray[np.bool_] | slice) -> FeatureSet:
        """The set of some of them."""
        return FeatureSet(*(maps[chosen] for maps in self._maps))

    def lots(self) -> Iterator[Features]:
        """All of them, some at a time."""
        for start in range(0, len(self), LOT):
            yield self.take(slice(start, start + LOT))

    @property
    def _maps(self) -> tuple[NDArray[np.float16], ...]:
        return self.fine, self.middle, self.deep, self.colour


def extract(
    extractor: FeatureExtractor,
    tiles: NDArray[np.uint8],
    cache: FeatureCache,
    progress: Callable[[int], None] = lambda _: None,
) -> FeatureSet:
    """Features of `tiles` (N×T×T×3), from the cache where they are there. `progress` is told of each lot done."""
    shapes = _shapes(extractor, tiles.shape[1])
    lengths = [int(np.prod(shape)) for shape in shapes]
    rows = np.empty((len(tiles), sum(lengths)), np.float16)
    missing = []
    for index, tile in enumerate(tiles):
        row = cache.get(tile, sum(lengths))
        if row is None:
            missing.append(index)
        else:
            rows[index] = row
    progress(len(tiles) - len(missing))
    for start in range(0, len(missing), BATCH):
        chosen = missing[start : start + BATCH]
        rows[chosen] = _compute(extractor, tiles[chosen])
        for index in chosen:
            cache.put(tiles[index], rows[index])
        progress(len(chosen))
    maps = np.split(rows, np.cumsum(lengths)[:-1], axis=1)
    return FeatureSet(*(each.reshape(-1, *shape) for each, shape in zip(maps, shapes, strict=True)))


def _shapes(extractor: FeatureExtractor, size: int) -> list[tuple[int, int, int]]:
    of_colour, *of_depths = extractor.strides
    pairs = [*zip(extractor.channels, of_depths, strict=True), (3, of_colour)]
    return [(channels, size // stride, size // stride) for channels, stride in pairs]


@torch.inference_mode()
def _compute(extractor: FeatureExtractor, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
    features = extractor(torch.from_numpy(tiles))
    rows = torch.cat([maps.flatten(1) for maps in features], dim=1)
    # Beyond half's range lies no trained network's feature; were there one, it must not become infinity.
    half: NDArray[np.float16] = rows.clamp(-65504, 65504).numpy().astype(np.float16)
    return half
