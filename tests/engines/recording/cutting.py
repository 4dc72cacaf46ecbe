"""The tile kernel's work on the CPU, by the function that is its reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engines.cuda import tile_kernel
from engines.cuda.driver import Argument
from engines.manifest import TileGeometry
from engines.tiling import TileGrid
from tests.engines.recording.memory import AddressSpace, Allocation, Violation

Places = list[tuple[Allocation, int, int]]
_FORMATS = {code: pixel_format for pixel_format, code in tile_kernel.FORMAT_CODE.items()}
_TYPES = (int, np.int32, np.int32, np.int64, np.int32, int, np.int32, int)


def cut_on_cpu(
    device: AddressSpace, grid: tuple[int, int, int], arguments: Sequence[Argument]
) -> tuple[Callable[[], None], Places, Places]:
    """What a launch of `cut_tiles` does, the bytes that it reads and those that it writes."""
    if tuple(type(argument) for argument in arguments) != _TYPES:
        raise Violation(f"cut_tiles is launched with {arguments}; its parameters are {_TYPES}")
    frame_at, height, width, pitch, code, origins_at, size, tiles_at = (int(argument) for argument in arguments)
    count = grid[2]
    assert grid == tile_kernel.launch_grid(size, count)
    pixel_format = _FORMATS[code]
    assert pitch == width * pixel_format.channels
    frame, frame_start = device.find(frame_at, height * pitch, "cutting")
    origins, origins_start = device.find(origins_at, count * 8, "cutting")
    tiles, tiles_start = device.find(tiles_at, count * size * size * 3, "cutting")

    def do() -> None:
        pixels = frame.data[frame_start : frame_start + height * pitch].reshape(pixel_format.shape(height, width))
        corners = origins.data[origins_start : origins_start + count * 8].view(np.int32).reshape(count, 2)
        out = tiles.data[tiles_start : tiles_start + count * size * size * 3].reshape(count, size, size, 3)
        cutter = TileGrid(height, width, TileGeometry(size=size, overlap=0, cell=1, alignment=1))
        cutter.__dict__["origins"] = tuple(map(tuple, corners.tolist()))  # as told, not as this grid would have them
        cutter.cut(pixels, pixel_format, 0, count, out)

    reads = [(frame, frame_start, height * pitch), (origins, origins_start, count * 8)]
    return do, reads, [(tiles, tiles_start, count * size * size * 3)]
