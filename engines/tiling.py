"""Cutting frames into tiles and stitching the tiles' maps into one map of the frame.

Tile origins are multiples of the backbone's deepest stride, so that a pixel meets the same sampling grid in whichever
tile it falls. A frame that is no multiple of it, or smaller than a tile, is continued by reflection at its right and
lower border. Where tiles overlap, their maps are cross-faded: a tile weighs least where its border, and with it the
backbone's zero padding, is near.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import TileError
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat, to_rgb


@dataclass(frozen=True)
class TileGrid:
    """The tiles of a frame of one size. Tiles are numbered row by row. Make one with `tile_grid`, which caches."""

    height: int
    """Of the frame, px."""
    width: int
    geometry: TileGeometry
    left_out: frozenset[tuple[int, int]] = frozenset()
    """Upper left corners of tiles that are not cut; see `restricted_to`."""

    @cached_property
    def origins(self) -> tuple[tuple[int, int], ...]:
        """Upper left corner (y, x) of every tile, px."""
        return tuple(origin for origin in self._everywhere if origin not in self.left_out)

    @cached_property
    def _everywhere(self) -> tuple[tuple[int, int], ...]:
        rows = _origins(self.height, self.geometry)
        columns = _origins(self.width, self.geometry)
        return tuple((y, x) for y in rows for x in columns)

    def restricted_to(self, inspected: NDArray[np.bool_]) -> TileGrid:
        """The grid without the tiles that hold no inspected cell; those that stay are numbered anew, without a gap.

        Every tile that has a say in an inspected cell stays, so such a cell's value is the same as without.

        Args:
            inspected: which cells of the frame's map count, of shape `map_shape`.

        Raises:
            TileError: none does.
        """
        if inspected.shape != self.map_shape:
            raise TileError(f"a map of {inspected.shape} cells on a grid for {self.map_shape}")
        cell, side = self.geometry.cell, self._cells
        left_out = frozenset(
            (y, x)
            for y, x in self._everywhere
            if not inspected[y // cell : y // cell + side, x // cell : x // cell + side].any()
        )
        if len(left_out) == len(self._everywhere):
            raise TileError("no cell of the frame is to be inspected")
        return replace(self, left_out=left_out)

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Rows and columns of the frame's map, in cells; the last ones may reach past the frame's border."""
        cell = self.geometry.cell
        return -(-self.height // cell), -(-self.width // cell)

    def cut(
        self,
        frame: NDArray[np.uint8],
        pixel_format: PixelFormat,
        start: int,
        stop: int,
        out: NDArray[np.uint8],
    ) -> None:
        """Copy tiles `start` to `stop` (excluded) of `frame` into `out` ((stop-start)×T×T×3 RGB): the one copy of a
        frame's pixels between its buffer and the engine's input.

        Raises:
            TileError: the frame is not of this grid's size.
        """
        self.check(frame, pixel_format)
        size = self.geometry.size
        for index in range(start, stop):
            y, x = self.origins[index]
            block = frame[y : y + size, x : x + size]
            missing = size - block.shape[0], size - block.shape[1]
            if any(missing):
                block = cv2.copyMakeBorder(  # type: ignore[assignment]  # uint8 in, uint8 out
                    block, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT_101
                )
            to_rgb(block, pixel_format, out[index - start])

    def check(self, frame: NDArray[np.uint8], pixel_format: PixelFormat) -> None:
        """See whether a frame is of this grid's size.

        Raises:
            TileError: it is not.
        """
        expected = pixel_format.shape(self.height, self.width)
        if frame.shape != expected:
            raise TileError(f"frame of shape {frame.shape} on a grid for {expected}")

    def stitch(self, distance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cross-fade the maps of all tiles (len(self)×h×w) into the frame's map (see `map_shape`).

        Where no tile is, it is 0.
        """
        if len(self._everywhere) == 1:
            rows, columns = self.map_shape
            return distance[0, :rows, :columns].copy()
        total = np.zeros_like(self._weight)
        for tile, place in zip(distance, self._places, strict=True):
            cv2.accumulateProduct(tile, self._window, total[place])
        rows, columns = self.map_shape
        stitched: NDArray[np.float32] = (total / self._weight)[:rows, :columns]
        return stitched

    @property
    def _cells(self) -> int:
        return self.geometry.size // self.geometry.cell

    @cached_property
    def _window(self) -> NDArray[np.float32]:
        """Weight of a tile's cells: a rise over the overlap from each border, then 1.

        The rise is Hann's, not straight: the cells next to a border have seen most of the padding and should hardly
        count, and where two rises meet they sum to 1 all the same.
        """
        fade = max(1, self.geometry.overlap // self.geometry.cell)
        position = np.arange(self._cells) + 0.5
        ramp = np.sin(np.pi / 2 * np.minimum(np.minimum(position, position[::-1]) / fade, 1.0)) ** 2
        window: NDArray[np.float32] = np.outer(ramp, ramp).astype(np.float32)
        return window

    @cached_property
    def _places(self) -> tuple[tuple[slice, slice], ...]:
        """Where each tile's map lies in the frame's."""
        cell, side = self.geometry.cell, self._cells
        return tuple((slice(y // cell, y // cell + side), slice(x // cell, x // cell + side)) for y, x in self.origins)

    @cached_property
    def _weight(self) -> NDArray[np.float32]:
        cell, side = self.geometry.cell, self._cells
        bottom, right = (max(values) // cell + side for values in zip(*self._everywhere, strict=True))
        weight = np.zeros((bottom, right), np.float32)
        for place in self._places:
            weight[place] += self._window
        weight[weight == 0] = 1  # no tile: the sum of nothing stays 0
        return weight


@lru_cache(maxsize=256)
def tile_grid(height: int, width: int, geometry: TileGeometry) -> TileGrid:
    """The grid for frames of this size, px.

    Raises:
        TileError: the frame is empty, or the geometry cannot be tiled.
    """
    if height < 1 or width < 1:
        raise TileError(f"a frame of {width}×{height} px has no pixels")
    check_geometry(geometry)
    return TileGrid(height, width, geometry)


def check_geometry(geometry: TileGeometry) -> None:
    """Refuse a geometry that cannot be tiled.

    Raises:
        TileError: naming the value and what it must be.
    """
    if geometry.alignment % geometry.cell:
        raise TileError(f"alignment {geometry.alignment} px is no multiple of the cell, {geometry.cell} px")
    if geometry.size % geometry.alignment:
        raise TileError(f"tile size {geometry.size} px is no multiple of {geometry.alignment} px")
    if geometry.overlap > geometry.size // 2:
        raise TileError(f"overlap {geometry.overlap} px is over half of the tile size, {geometry.size} px")
    if geometry.size - geometry.overlap < geometry.alignment:
        raise TileError(
            f"tile size {geometry.size} px less overlap {geometry.overlap} px leaves no step of {geometry.alignment} px"
        )


def _origins(length: int, geometry: TileGeometry) -> tuple[int, ...]:
    """Evenly spread origins along one axis: as few tiles as keep the overlap, the last one flush with the border."""
    align, size = geometry.alignment, geometry.size
    last = max(0, -(-length // align) * align - size)
    steps = -(-last // (size - geometry.overlap))
    if steps == 0:
        return (0,)
    # Rounded down to the grid; where that would thin the overlap below its minimum, a step more is taken.
    while True:
        origins = tuple(last * step // steps // align * align for step in range(steps + 1))
        if max(b - a for a, b in pairwise(origins)) <= size - geometry.overlap:
            return origins
        steps += 1
