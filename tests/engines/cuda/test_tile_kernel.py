"""The kernel without a GPU: compilers for every card take it, and on the CPU it makes the bytes of `TileGrid.cut`."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.cuda.tile_kernel import BLOCK, FORMAT_CODE, KERNEL_NAME, SOURCE, launch_grid, origins
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import TileGrid, tile_grid

CARDS = {
    "75": "Turing",
    "80": "A100",
    "86": "RTX 30, A2000",
    "87": "Jetson Orin",
    "89": "RTX 40, L4",
    "90": "H100",
    "100": "B200",
    "120": "RTX 50",
}
KERNEL_FILE = Path(__file__).parents[3] / "engines" / "cuda" / "tiles.cu"
GEOMETRY = TileGeometry(size=64, overlap=16, cell=8, alignment=16)
GUARD = 4096
"""Bytes after the tiles that must stay as they were."""

Cut = Callable[[NDArray[np.uint8], PixelFormat, TileGrid], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    """The kernel, compiled as C++ and made to trap on undefined behaviour, launched as on a device."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ here to compile the kernel for the CPU")
    library = tmp_path_factory.mktemp("kernel") / "tiles.so"
    subprocess.run(
        [
            *(compiler, "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),
            *(f"-I{KERNEL_FILE.parent}", str(Path(__file__).with_name("cpu_kernel.cpp")), "-o", str(library)),
        ],
        check=True,
    )
    launch = ctypes.CDLL(str(library)).launch

    def run(frame: NDArray[np.uint8], pixel_format: PixelFormat, grid: TileGrid) -> NDArray[np.uint8]:
        size, count = grid.geometry.size, len(grid)
        output = np.full(count * size * size * 3 + GUARD, 0xA5, np.uint8)
        corners = origins(grid, 0, count)
        launch(
            (ctypes.c_uint * 3)(*launch_grid(size, count)),
            (ctypes.c_uint * 3)(*BLOCK),
            ctypes.c_void_p(frame.ctypes.data),
            ctypes.c_int(grid.height),
            ctypes.c_int(grid.width),
            ctypes.c_longlong(frame.strides[0]),
            ctypes.c_int(FORMAT_CODE[pixel_format]),
            ctypes.c_void_p(corners.ctypes.data),
            ctypes.c_int(size),
            ctypes.c_void_p(output.ctypes.data),
        )
        assert (output[-GUARD:] == 0xA5).all(), "written past the tiles"
        return output[:-GUARD].reshape(count, size, size, 3)

    return run


def padded_frame(pixel_format: PixelFormat, height: int, width: int, padding: int) -> NDArray[np.uint8]:
    """A frame of noise whose rows are `padding` bytes apart; what lies between them is noise as well."""
    row = width * pixel_format.channels
    memory = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, row + padding), np.uint8)
    shape = pixel_format.shape(height, width)
    return np.lib.stride_tricks.as_strided(memory, shape, (memory.strides[0], pixel_format.channels, 1)[: len(shape)])


def reference(frame: NDArray[np.uint8], pixel_format: PixelFormat, grid: TileGrid) -> NDArray[np.uint8]:
    tiles = np.empty((len(grid), grid.geometry.size, grid.geometry.size, 3), np.uint8)
    grid.cut(np.ascontiguousarray(frame), pixel_format, 0, len(grid), tiles)
    return tiles


@st.composite
def geometries(draw: st.DrawFn) -> TileGeometry:
    alignment = draw(st.sampled_from([8, 16, 32, 48]))
    size = alignment * draw(st.integers(-(-32 // alignment), 5))
    overlap = draw(st.integers(0, min(size // 2, size - alignment)))
    return TileGeometry(size=size, overlap=overlap, cell=8, alignment=alignment)


@settings(max_examples=250)
@given(
    pixel_format=st.sampled_from(PixelFormat),
    geometry=geometries(),
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    padding=st.integers(0, 70),
)
@example(PixelFormat.MONO8, TileGeometry(size=32, overlap=0, cell=8, alignment=32), (33, 34), 0)  # 1 row, 2 columns
@example(PixelFormat.BGR8, GEOMETRY, (1, 1), 0)
@example(PixelFormat.RGB8, GEOMETRY, (2, 3), 13)  # to and fro many times
def test_on_the_cpu_it_cuts_what_the_reference_cuts(
    cut: Cut, pixel_format: PixelFormat, geometry: TileGeometry, shape: tuple[int, int], padding: int
) -> None:
    frame = padded_frame(pixel_format, *shape, padding)
    grid = tile_grid(*shape, geometry)
    np.testing.assert_array_equal(cut(frame, pixel_format, grid), reference(frame, pixel_format, grid))


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_a_cameras_whole_frame(cut: Cut, pixel_format: PixelFormat) -> None:
    """2448×2048, tiles of 256 px, rows padded to 512 bytes as pitched device memory has them."""
    width = 2448
    padding = -width * pixel_format.channels % 512
    frame = padded_frame(pixel_format, 2048, width, padding)
    grid = tile_grid(2048, width, TileGeometry(size=256, overlap=32, cell=8, alignment=32))
    np.testing.assert_array_equal(cut(frame, pixel_format, grid), reference(frame, pixel_format, grid))


def test_part_of_a_frames_tiles_can_be_asked_for() -> None:
    grid = tile_grid(100, 200, GEOMETRY)
    some = origins(grid, 3, 2)
    assert some.dtype == np.int32
    assert some.tolist() == [list(origin) for origin in grid.origins[3:5]]
    assert some.flags.c_contiguous


def test_every_pixel_format_has_the_code_that_the_source_gives_it() -> None:
    declared = re.search(r"enum PixelFormat \{(.*?)\}", SOURCE)
    assert declared
    codes = {name.strip().lower(): int(code) for name, code in re.findall(r"(\w+) = (\d+)", declared[1])}
    assert codes == {str(pixel_format): code for pixel_format, code in FORMAT_CODE.items()}
    assert set(FORMAT_CODE) == set(PixelFormat)


def test_nvcc_compiles_it_for_every_card(tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("no nvcc here")
    listed = subprocess.run(["nvcc", "--list-gpu-code"], capture_output=True, text=True, check=True).stdout
    unknown = {f"sm_{card}" for card in CARDS} - set(listed.split())
    if unknown:
        pytest.skip(f"this nvcc does not know {', '.join(sorted(unknown))}")
    targets = [f"-gencode=arch=compute_{card},code=sm_{card}" for card in CARDS]
    fatbin = tmp_path / "tiles.fatbin"
    subprocess.run(["nvcc", "-fatbin", "-Werror=all-warnings", *targets, "-o", fatbin, KERNEL_FILE], check=True)
    assert fatbin.stat().st_size > 0


@pytest.mark.parametrize("card", ["75", "87", "120"])
def test_nvrtc_compiles_it_at_start(card: str) -> None:
    core = pytest.importorskip("cuda.core", reason="cuda-core is not installed")
    pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings is not installed")
    options = core.ProgramOptions(arch=f"sm_{card}")
    compiled = core.Program(SOURCE, "c++", options).compile("cubin")  # PTX would ask the driver whether it can read it
    assert f".text.{KERNEL_NAME}".encode() in compiled.code
