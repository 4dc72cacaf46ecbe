"""Features of many tiles, through the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tools.fit.cache import FeatureCache
from tools.method.features import FeatureExtractor, Features

BATCH = 8


@dataclass(frozen=True)
class FeatureSet:
    """Features of tiles in half precision; a batch is widened when it is taken."""

    middle: NDArray[np.float16]
    """N×C×h×w."""
    deep: NDArray[np.float16]
    """N×D×h/2×w/2."""

    def __len__(self) -> int:
        return len(self.middle)

    def take(self, chosen: NDArray[np.int64] | slice) -> Features:
        """Some of them, float32."""
        return Features(
            torch.from_numpy(self.middle[chosen].astype(np.float32)),
            torch.from_numpy(self.deep[chosen].astype(np.float32)),
        )


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
    middle, deep = np.split(rows, [lengths[0]], axis=1)
    return FeatureSet(middle.reshape(-1, *shapes[0]), deep.reshape(-1, *shapes[1]))


def _shapes(extractor: FeatureExtractor, size: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    (middle, deep), (cell, coarse) = extractor.channels, extractor.strides
    return (middle, size // cell, size // cell), (deep, size // coarse, size // coarse)


@torch.inference_mode()
def _compute(extractor: FeatureExtractor, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
    features = extractor(torch.from_numpy(tiles))
    rows = torch.cat([maps.flatten(1) for maps in features], dim=1)
    # Beyond half's range lies no trained network's feature; were there one, it must not become infinity.
    half: NDArray[np.float16] = rows.clamp(-65504, 65504).numpy().astype(np.float16)
    return half
