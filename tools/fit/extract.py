"""Features of many tiles, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from tools.fit.ahead import ahead
from tools.fit.cache import FeatureCache
from tools.fit.graph import export_extractor
from tools.method.features import FeatureExtractor, Features

BATCH = 2
"""Tiles at a time: more take longer each."""
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


class Network:
    """The extractor as ONNX Runtime runs it: a CPU takes half as long for that as with torch."""

    def __init__(self, extractor: FeatureExtractor, size: int, cache: FeatureCache | None = None) -> None:
        """`size`: side of the tiles, px; `cache`: where its ONNX may be already, and is kept."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # a batch in each thread is quicker than all threads in a batch
        export = partial(export_extractor, extractor, size)
        self.onnx = export() if cache is None else cache.network(size, export)
        self._session = ort.InferenceSession(self.onnx, options, providers=["CPUExecutionProvider"])
        self.extractor = extractor
        self.threads = torch.get_num_threads()
        of_colour, *of_depths = extractor.strides
        pairs = [*zip(extractor.channels, of_depths, strict=True), (3, of_colour)]
        self.shapes = [(channels, size // stride, size // stride) for channels, stride in pairs]
        """Of a tile's maps."""

    def rows(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """All maps of each tile in a row. Any thread may ask."""
        maps = self._session.run(None, {"tiles": tiles})
        rows = np.empty((len(tiles), sum(map(prod, self.shapes))), np.float16)
        start = 0
        for each, shape in zip(maps, self.shapes, strict=True):
            # Beyond half's range lies no trained network's feature; were there one, it must not become infinity.
            np.clip(each, -65504, 65504, out=each)
            rows[:, start : start + prod(shape)] = each.reshape(len(tiles), -1)
            start += prod(shape)
        return rows


def extract(
    network: Network,
    tiles: NDArray[np.uint8],
    cache: FeatureCache | None,
    progress: Callable[[int], None] = lambda _: None,
) -> FeatureSet:
    """Features of `tiles` (N×T×T×3), from the cache where they are there; without one, none are kept. `progress` is
    told of each lot done."""
    lengths = [prod(shape) for shape in network.shapes]
    rows = np.empty((len(tiles), sum(lengths)), np.float16)
    missing = []
    for index, tile in enumerate(tiles):
        row = None if cache is None else cache.get(tile, sum(lengths))
        if row is None:
            missing.append(index)
        else:
            rows[index] = row
    progress(len(tiles) - len(missing))
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    computed = ahead((partial(network.rows, tiles[chosen]) for chosen in batches), network.threads)
    for chosen, of_batch in zip(batches, computed, strict=True):
        rows[chosen] = of_batch
        if cache is not None:
            for index in chosen:
                cache.put(tiles[index], rows[index])
        progress(len(chosen))
    maps = np.split(rows, np.cumsum(lengths)[:-1], axis=1)
    return FeatureSet(*(each.reshape(-1, *shape) for each, shape in zip(maps, network.shapes, strict=True)))
