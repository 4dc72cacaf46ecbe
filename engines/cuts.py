"""What an engine is given: tiles of frames, not yet cut. Where they are cut is the engine's choice: a CPU engine copies
them into its batch, a GPU takes each frame up once and cuts there, so that pixels that tiles share are sent once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import TileGrid, tile_grid


@dataclass(frozen=True, eq=False)
class TiledFrame:
    """A frame's pixels with the grid that cuts them. The same object stands for the frame in every batch."""

    pixels: NDArray[np.uint8]
    """H×W or H×W×3, rows without padding."""
    pixel_format: PixelFormat
    grid: TileGrid


@dataclass(frozen=True)
class Cut:
    """Some tiles of one frame, next to each other."""

    frame: TiledFrame
    first: int
    """Number of the first tile, in its frame."""
    count: int

    @property
    def last(self) -> bool:
        """Whether the frame's last tile is among them."""
        return self.first + self.count == len(self.frame.grid)

    def write(self, out: NDArray[np.uint8]) -> None:
        """Copy the tiles into `out` (count×T×T×3 RGB), on the CPU.

        Raises:
            TileError: the frame's pixels are not of its grid's size.
        """
        frame = self.frame
        frame.grid.cut(frame.pixels, frame.pixel_format, self.first, self.first + self.count, out)


def count_tiles(cuts: Iterable[Cut]) -> int:
    """How many tiles a batch of cuts holds."""
    return sum(cut.count for cut in cuts)


def cuts_of_tiles(tiles: NDArray[np.uint8], geometry: TileGeometry) -> list[Cut]:
    """Tiles that were cut already (N×T×T×3 RGB), each as a frame of its own.

    Raises:
        TileError: a tile has no pixels.
    """
    return [
        Cut(TiledFrame(tile, PixelFormat.RGB8, tile_grid(tile.shape[0], tile.shape[1], geometry)), first=0, count=1)
        for tile in tiles
    ]
