from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.errors import TileError
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import tile_grid
from tests.bundles import surface_picture

GEOMETRY = TileGeometry(size=64, overlap=16, cell=8, alignment=16)


def cut_all(frame: NDArray[np.uint8], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    grid = tile_grid(*frame.shape[:2], GEOMETRY)
    tiles = np.empty((len(grid), 64, 64, 3), np.uint8)
    grid.cut(frame, pixel_format, 0, len(grid), tiles)
    return tiles


@settings(max_examples=200)
@given(height=st.integers(1, 500), width=st.integers(1, 500))
def test_every_pixel_is_in_a_tile_and_neighbours_overlap(height: int, width: int) -> None:
    grid = tile_grid(height, width, GEOMETRY)
    covered = np.zeros((height, width), bool)
    for y, x in grid.origins:
        assert y % GEOMETRY.alignment == 0
        assert x % GEOMETRY.alignment == 0
        covered[y : y + 64, x : x + 64] = True
    assert covered.all()
    columns = sorted({x for _, x in grid.origins})
    assert all(b - a <= 64 - GEOMETRY.overlap for a, b in pairwise(columns))


def test_a_tile_holds_the_pixels_of_its_place() -> None:
    frame = surface_picture(1, 128, 160)
    tiles = cut_all(frame, PixelFormat.RGB8)
    for tile, (y, x) in zip(tiles, tile_grid(128, 160, GEOMETRY).origins, strict=True):
        np.testing.assert_array_equal(tile, frame[y : y + 64, x : x + 64])


@pytest.mark.parametrize("shape", [(1, 1), (5, 200), (40, 50), (64, 70)])
def test_a_frame_smaller_than_a_tile_is_continued_by_reflection(shape: tuple[int, int]) -> None:
    frame = surface_picture(2, *shape)
    tiles = cut_all(frame, PixelFormat.RGB8)
    height, width = min(64, shape[0]), min(64, shape[1])
    np.testing.assert_array_equal(tiles[0, :height, :width], frame[:height, :width])
    if shape == (40, 50):
        np.testing.assert_array_equal(tiles[0, 40:60, :50], frame[38:18:-1, :50])
        np.testing.assert_array_equal(tiles[0, :40, 50:64], frame[:40, 48:34:-1])


def test_grey_bgr_and_rgb_frames_of_one_picture_give_the_same_tiles() -> None:
    grey = surface_picture(3, 70, 90)[..., 0]
    rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(cut_all(grey, PixelFormat.MONO8), cut_all(rgb, PixelFormat.RGB8))
    coloured = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    swapped = np.ascontiguousarray(coloured[..., ::-1])
    np.testing.assert_array_equal(cut_all(coloured, PixelFormat.RGB8), cut_all(swapped, PixelFormat.BGR8))


def test_a_map_that_knows_no_tiles_is_stitched_without_seams() -> None:
    """Tiles whose maps agree where they overlap give back that very map."""
    grid = tile_grid(300, 410, GEOMETRY)
    whole = np.random.default_rng(4).random((400 // 8, 512 // 8)).astype(np.float32)
    tiles = np.stack([whole[y // 8 : y // 8 + 8, x // 8 : x // 8 + 8] for y, x in grid.origins])
    stitched = grid.stitch(tiles)
    assert stitched.shape == grid.map_shape == (38, 52)
    np.testing.assert_allclose(stitched, whole[:38, :52], rtol=1e-6)


@settings(max_examples=100)
@given(height=st.integers(1, 400), width=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
def test_a_restricted_grid_gives_inspected_cells_the_same_value(height: int, width: int, seed: int) -> None:
    """However tiles disagree where they overlap; what lies in no tile is 0."""
    random = np.random.default_rng(seed)
    grid = tile_grid(height, width, GEOMETRY)
    inspected = np.zeros(grid.map_shape, bool)
    row, column = (int(random.integers(length)) for length in grid.map_shape)
    inspected[row : row + int(random.integers(1, 12)), column : column + int(random.integers(1, 12))] = True
    some = grid.restricted_to(inspected)
    of_tiles = {origin: random.random((8, 8)).astype(np.float32) + 1 for origin in grid.origins}
    whole = grid.stitch(np.stack([of_tiles[origin] for origin in grid.origins]))
    part = some.stitch(np.stack([of_tiles[origin] for origin in some.origins]))
    np.testing.assert_array_equal(part[inspected], whole[inspected])
    assert part.shape == whole.shape
    covered = np.zeros(grid.map_shape, bool)
    for y, x in some.origins:
        covered[y // 8 : y // 8 + 8, x // 8 : x // 8 + 8] = True
        assert inspected[y // 8 : y // 8 + 8, x // 8 : x // 8 + 8].any()
    assert (part[~covered] == 0).all()
    assert len(some) == len(some.origins) <= len(grid)


def test_the_tiles_of_a_restricted_grid_are_numbered_without_a_gap() -> None:
    frame = surface_picture(6, 128, 400)
    grid = tile_grid(128, 400, GEOMETRY)
    inspected = np.zeros(grid.map_shape, bool)
    inspected[:4, -4:] = True
    some = grid.restricted_to(inspected)
    assert 0 < len(some) < len(grid)
    tiles = np.empty((len(some), 64, 64, 3), np.uint8)
    some.cut(frame, PixelFormat.RGB8, 0, len(some), tiles)
    for tile, (y, x) in zip(tiles, some.origins, strict=True):
        seen = frame[y : y + 64, x : x + 64]
        np.testing.assert_array_equal(tile[: seen.shape[0], : seen.shape[1]], seen)


def test_a_grid_restricted_to_nothing_is_refused() -> None:
    grid = tile_grid(128, 160, GEOMETRY)
    with pytest.raises(TileError, match="no cell"):
        grid.restricted_to(np.zeros(grid.map_shape, bool))
    with pytest.raises(TileError, match="on a grid for"):
        grid.restricted_to(np.ones((2, 2), bool))


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(TileError, match="grid for"):
        tile_grid(64, 64, GEOMETRY).cut(
            surface_picture(5, 64, 80), PixelFormat.RGB8, 0, 1, np.empty((1, 64, 64, 3), np.uint8)
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"overlap": 40}, "overlap 40 px is over half"),
        ({"size": 72}, "no multiple of 16"),
        ({"cell": 5}, "cell, 5 px"),
        ({"alignment": 64}, "leaves no step of 64 px"),
    ],
)
def test_a_geometry_that_cannot_be_tiled_is_refused(change: dict[str, int], says: str) -> None:
    with pytest.raises(TileError, match=says):
        tile_grid(100, 100, GEOMETRY.model_copy(update=change))


def test_a_frame_without_pixels_is_refused() -> None:
    with pytest.raises(TileError, match="no pixels"):
        tile_grid(0, 10, GEOMETRY)
