"""Golden tiles: what training saw on a few held-out tiles, by torch, for every runtime to reproduce."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.bundle import GoldenTiles
from tools.fit.graph import Graph

COUNT = 8
FEWEST = 2
MOST_BYTES = 700_000
"""Of the tiles as PNG: a bundle travels over factory networks and into repositories. Noisy tiles compress badly; of
them there are fewer."""


def golden_tiles(
    graph: Graph, centroids: NDArray[np.float32], good: NDArray[np.uint8], spoilt: NDArray[np.uint8]
) -> GoldenTiles:
    """Choose tiles, good (N×T×T×3) and spoilt (M×T×T×3) in turn, and score them with torch."""
    tiles = _chosen(good, spoilt)
    with torch.inference_mode():
        distance, score = graph(torch.from_numpy(tiles), torch.from_numpy(centroids))
    return GoldenTiles(tiles, score.numpy(), distance.amax(dim=(1, 2)).numpy())


def _chosen(good: NDArray[np.uint8], spoilt: NDArray[np.uint8]) -> NDArray[np.uint8]:
    half = COUNT // 2
    pairs = zip(good[_spread(len(good), half)], spoilt[_spread(len(spoilt), half)], strict=True)
    chosen: list[NDArray[np.uint8]] = []
    room = MOST_BYTES
    for pair in pairs:
        room -= sum(cv2.imencode(".png", tile, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].size for tile in pair)
        if room < 0 and len(chosen) >= FEWEST:
            break
        chosen += pair
    return np.ascontiguousarray(np.stack(chosen))


def _spread(length: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, length - 1, count).round().astype(np.int64)
