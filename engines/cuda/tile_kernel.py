"""The kernel that cuts tiles on the device, and how it is launched. The CPU's word for it is `TileGrid.cut`.

It travels as source (`tiles.cu`, beside this module) and is compiled when an engine starts: by NVRTC through cuda-core,
or by nvcc through pycuda. That takes a fraction of a second, and no binary has to know a card that comes later.

`cut_tiles` takes, in this order: frame (pointer), height, width (int32, px), pitch (int64, bytes a row), format (int32,
see `FORMAT_CODE`), origins (pointer to count×2 int32: y, x), size T (int32, px), tiles (pointer to count×T×T×3 uint8).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from engines.tiling import TileGrid

KERNEL_NAME: Final = "cut_tiles"
SOURCE: Final = files("engines.cuda").joinpath("tiles.cu").read_text("utf-8")
BLOCK: Final = (32, 8, 1)
"""Threads of a block: a warp for 32 px of a row, so that it reads and writes neighbouring bytes."""
FORMAT_CODE: Final[Mapping[PixelFormat, int]] = MappingProxyType(
    {PixelFormat.MONO8: 0, PixelFormat.RGB8: 1, PixelFormat.BGR8: 2}
)
"""What the kernel calls each pixel format."""


def launch_grid(size: int, count: int) -> tuple[int, int, int]:
    """Blocks that it takes for `count` tiles with sides of `size` px."""
    return -(-size // BLOCK[0]), -(-size // BLOCK[1]), count


def origins(grid: TileGrid, first: int, count: int) -> NDArray[np.int32]:
    """Upper left corners (count×2: y, x) of tiles `first` and following, as the kernel reads them."""
    return np.array(grid.origins[first : first + count], np.int32).reshape(-1, 2)
