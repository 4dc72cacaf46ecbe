"""The feature cache: keyed by content, whole or absent, bounded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tests.tools.fit.conftest import paper  # noqa: E402 - after the check for torch
from tools.backbones.lite0 import Lite0  # noqa: E402
from tools.backbones.weights import load_backbone  # noqa: E402
from tools.fit.cache import FeatureCache  # noqa: E402
from tools.fit.extract import BATCH, Network, extract  # noqa: E402
from tools.method.features import FeatureExtractor  # noqa: E402

ROW = np.arange(6, dtype=np.float16)


def test_the_key_is_the_tile_and_the_weights(tmp_path: Path) -> None:
    tile = paper(0, 64, 64)
    FeatureCache(tmp_path, "a").put(tile, ROW)
    found = FeatureCache(tmp_path, "a").get(tile.copy(), 6)
    assert found is not None
    assert found.tolist() == ROW.tolist()
    assert FeatureCache(tmp_path, "b").get(tile, 6) is None
    assert FeatureCache(tmp_path, "a").get(paper(1, 64, 64), 6) is None
    assert FeatureCache(tmp_path, "a").get(tile, 7) is None


def test_a_damaged_entry_is_a_miss(tmp_path: Path) -> None:
    cache, tile = FeatureCache(tmp_path, "a"), paper(0, 64, 64)
    cache.put(tile, ROW)
    (entry,) = tmp_path.glob("*/*.npy")
    entry.write_bytes(entry.read_bytes()[:-4])
    assert cache.get(tile, 6) is None


def test_the_network_is_exported_once_and_again_where_it_is_damaged(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"exported"

    for weights, size, count in (("a", 64, 1), ("a", 64, 1), ("a", 96, 2), ("b", 64, 3)):
        assert FeatureCache(tmp_path, weights).network(size, make) == b"exported"
        assert len(made) == count
    for entry in tmp_path.glob("*/*.onnx"):
        entry.write_bytes(entry.read_bytes()[:-1])
    assert FeatureCache(tmp_path, "a").network(64, make) == b"exported"
    assert len(made) == 4


def test_trim_removes_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache, tiles = FeatureCache(tmp_path, "a"), [paper(seed, 64, 64) for seed in range(3)]
    for tile in tiles:
        cache.put(tile, ROW)
    for entry in tmp_path.glob("*/*.npy"):
        os.utime(entry, (1, 1))
    assert cache.get(tiles[1], 6) is not None
    cache.trim(entry.stat().st_size)
    assert [cache.get(tile, 6) is not None for tile in tiles] == [False, True, False]


def test_an_interrupted_extraction_goes_on_where_it_stopped(tmp_path: Path) -> None:
    network = Network(FeatureExtractor(load_backbone(Lite0())), 64)
    tiles = np.stack([paper(seed, 64, 64) for seed in range(20)])
    cache = FeatureCache(tmp_path, "a")

    def interrupt(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(network, tiles, cache, interrupt)
    done: list[float] = []
    resumed = extract(network, tiles, cache, done.append)
    assert done[0] == BATCH
    fresh = extract(network, tiles, FeatureCache(tmp_path / "other", "a"))
    np.testing.assert_allclose(resumed.middle.astype(float), fresh.middle.astype(float), rtol=2e-3, atol=2e-3)
