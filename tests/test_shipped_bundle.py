"""What the bundle that ships with the demonstration promises; it runs without torch."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.bundle import Bundle, open_bundle
from engines.onnx import OnnxEngine
from engines.tiling import tile_grid
from tools.demo.bundle import MAX_BYTES, shipped_bundle
from tools.demo.web import web_frames
from tools.inspection import inspect

MOVED_MAX, MOVED_MEAN = 0.5, 0.1
"""Of the threshold: how much a cell's distance may change with where the borders of tiles fall, at most and on average.
What a tile shows of a cell's surroundings differs, and the deep features see far."""
WELL_INSIDE = 64
"""px from the frame's edge; nearer to it padding is felt, and maps are levelled."""
SEAM_RATIO = 1.25
"""How much rougher a map may be across the borders of tiles than elsewhere."""

skimage_data = pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image")


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(shipped_bundle())


def rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


def test_it_is_small_enough(shipped: Bundle) -> None:
    assert sum(file.stat().st_size for file in shipped.path.rglob("*") if file.is_file()) <= MAX_BYTES


def test_it_finds_defects_on_the_web_and_lets_good_frames_pass(shipped: Bundle) -> None:
    right = 0
    frames = list(web_frames(40, seed=11))
    with OnnxEngine(shipped) as engine:
        for picture, _, kind in frames:
            score = inspect(engine, shipped.manifest.tile, shipped.calibration, rgb(picture)).score
            right += (score >= shipped.calibration.threshold) == (kind is not None)
    assert right >= 0.95 * len(frames)


@pytest.fixture(scope="module")
def wall() -> NDArray[np.uint8]:
    return rgb(np.asarray(cv2.resize(skimage_data.brick(), (1024, 1024), interpolation=cv2.INTER_CUBIC), np.uint8))


def test_a_frames_map_hardly_depends_on_where_its_tiles_begin(shipped: Bundle, wall: NDArray[np.uint8]) -> None:
    """The same wall, framed differently: cells well inside both frames get the same distance within the bound."""
    geometry, calibration = shipped.manifest.tile, shipped.calibration
    cell, size = geometry.cell, 800
    margin = WELL_INSIDE // cell
    with OnnxEngine(shipped) as engine:
        whole = inspect(engine, geometry, calibration, wall).distance
        for top, left in ((32, 64), (96, 32), (160, 96)):
            part = np.ascontiguousarray(wall[top : top + size, left : left + size])
            distance = inspect(engine, geometry, calibration, part).distance
            rows, columns = np.s_[margin : size // cell - margin], np.s_[margin : size // cell - margin]
            there = whole[top // cell :, left // cell :][rows, columns]
            difference = np.abs(distance[rows, columns] - there) / calibration.threshold
            assert difference.max() <= MOVED_MAX
            assert difference.mean() <= MOVED_MEAN


def test_a_map_shows_no_seams(shipped: Bundle, wall: NDArray[np.uint8]) -> None:
    geometry = shipped.manifest.tile
    with OnnxEngine(shipped) as engine:
        distance = inspect(engine, geometry, shipped.calibration, wall).distance
    starts = {x // geometry.cell for _, x in tile_grid(*wall.shape[:2], geometry).origins}
    borders = sorted((starts | {start + geometry.size // geometry.cell for start in starts}) - {0, distance.shape[1]})
    steps = np.abs(np.diff(distance, axis=1))
    at_borders = np.zeros(steps.shape[1], bool)
    at_borders[np.array(borders) - 1] = True
    # Like with like: a map is interpolated from coarser features, and steps more between than within their cells. Tiles
    # begin where the coarsest do.
    alike = (np.arange(1, steps.shape[1] + 1) * geometry.cell) % geometry.alignment == 0
    assert at_borders.any()
    assert alike[at_borders].all()
    assert steps[:, at_borders].mean() <= SEAM_RATIO * steps[:, alike & ~at_borders].mean()
