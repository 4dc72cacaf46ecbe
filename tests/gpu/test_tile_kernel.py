"""The tile kernel on a real GPU, through each package that calls CUDA: the same bytes as the CPU's function makes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.cuda.driver import CudaDriver, DeviceMemory, Stream, wait_until
from engines.cuda.opening import CudaPackage, open_driver
from engines.cuda.tile_kernel import BLOCK, FORMAT_CODE, KERNEL_NAME, SOURCE, launch_grid, origins
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import TileGrid, tile_grid

pytestmark = pytest.mark.gpu

GEOMETRY = TileGeometry(size=96, overlap=32, cell=8, alignment=32)


@pytest.fixture
def driver(cuda: CudaPackage) -> Iterator[CudaDriver]:
    opened = open_driver(cuda, 0)
    with opened.attached():
        yield opened
    opened.close()


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
@pytest.mark.parametrize("shape", [(1, 1), (33, 250), (480, 641), (2048, 2448)], ids=str)
def test_it_cuts_what_the_reference_cuts(driver: CudaDriver, pixel_format: PixelFormat, shape: tuple[int, int]) -> None:
    grid = tile_grid(*shape, GEOMETRY)
    frame = np.random.default_rng(1).integers(0, 256, pixel_format.shape(*shape), np.uint8)
    expected = np.empty((len(grid), GEOMETRY.size, GEOMETRY.size, 3), np.uint8)
    grid.cut(frame, pixel_format, 0, len(grid), expected)
    np.testing.assert_array_equal(cut(driver, frame, pixel_format, grid), expected)


def cut(driver: CudaDriver, frame: NDArray[np.uint8], pixel_format: PixelFormat, grid: TileGrid) -> NDArray[np.uint8]:
    """All tiles of a frame, cut on the device."""
    kernel, stream, event = driver.kernel(SOURCE, KERNEL_NAME), driver.stream(), driver.event()
    size, count = grid.geometry.size, len(grid)
    on_device = uploaded(driver, stream, frame)
    corners = uploaded(driver, stream, origins(grid, 0, count))
    tiles, output = driver.memory(count * size * size * 3), driver.pinned(count * size * size * 3)
    extent = np.int32(grid.height), np.int32(grid.width), np.int64(frame.strides[0])
    arguments = (on_device.address, *extent, np.int32(FORMAT_CODE[pixel_format]))
    stream.launch(kernel, launch_grid(size, count), BLOCK, (*arguments, corners.address, np.int32(size), tiles.address))
    stream.download(output.array, tiles)
    stream.record(event)
    assert wait_until(event.done, 30)
    result = output.array.reshape(count, size, size, 3).copy()
    for memory in (on_device, corners, tiles, output):
        memory.free()
    event.close()
    stream.close()
    return result


def uploaded(driver: CudaDriver, stream: Stream, array: NDArray[np.generic]) -> DeviceMemory:
    """A copy on the device."""
    staged, memory = driver.pinned(array.nbytes), driver.memory(array.nbytes)
    staged.array[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    stream.upload(memory, staged.array)
    event = driver.event()
    stream.record(event)
    assert wait_until(event.done, 30)
    event.close()
    staged.free()
    return memory
