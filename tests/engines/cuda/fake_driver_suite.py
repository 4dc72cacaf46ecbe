"""What a real driver package must do on the fake CUDA driver: `test_drivers` runs this in a process that loads it.

The package is named in `INSPECTD_TEST_CUDA`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

from engines.base import Engine
from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuda import tile_kernel
from engines.cuda.driver import CudaDriver
from engines.cuda.opening import CudaPackage, open_driver
from engines.cuts import Cut, TiledFrame
from engines.errors import CaptureRefusedError, DeviceError, DeviceLostError, DeviceMemoryError, EngineError
from engines.pixels import PixelFormat
from engines.tensorrt import TensorRTEngine
from engines.tiling import tile_grid
from tests.bundles import surface_picture
from tests.engines.contract import EngineContract
from tests.engines.cuda.host_plan import HostLoader, fake_library
from tests.engines.recording.ring import Ring

PACKAGE = CudaPackage(os.environ["INSPECTD_TEST_CUDA"])
HAS_GRAPHS = LOCKS_PAGES = PACKAGE is CudaPackage.CUDA_CORE
Fail = Callable[[str, int], None]
ILLEGAL_ADDRESS, OUT_OF_MEMORY, LAUNCH_FAILED, NOT_PERMITTED = 700, 2, 719, 800


def make_engine(bundle: Bundle, *, max_batch: int, slots: int, told: list[str]) -> TensorRTEngine:
    return TensorRTEngine(
        bundle,
        lambda: open_driver(PACKAGE, 0),
        HostLoader(bundle, max_batch),
        precision=Precision.FP32,
        max_batch=max_batch,
        slots=slots,
        tell=told.append,
    )


class TestEngineOnThisPackage(EngineContract):
    @pytest.fixture(autouse=True)
    def _nothing_is_left(self) -> Iterator[None]:
        before = fake_library().fake_live()
        yield
        assert fake_library().fake_live() == before

    def make(self, bundle: Bundle, *, max_batch: int = 8, slots: int = 2) -> Engine:
        return make_engine(bundle, max_batch=max_batch, slots=slots, told=[])


@pytest.fixture
def driver() -> Iterator[CudaDriver]:
    driver = open_driver(PACKAGE, 0)
    with driver.attached():
        yield driver
    driver.close()


@pytest.fixture
def fail() -> Iterator[Fail]:
    """Let functions of the driver fail."""
    library = fake_library()
    failing: list[str] = []

    def fail(function: str, code: int) -> None:
        failing.append(function)
        library.fake_fail(function.encode(), code)

    yield fail
    for function in failing:
        library.fake_fail(function.encode(), 0)


def test_the_device_is_described(driver: CudaDriver) -> None:
    assert (driver.info.name, driver.info.compute_capability, driver.info.driver) == ("Fake GPU", "8.6", "13.0")
    assert driver.info.memory_bytes == 1 << 33


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(DeviceError):
        open_driver(PACKAGE, 5)


def test_what_goes_up_comes_down(driver: CudaDriver) -> None:
    memory, host, stream, event = driver.memory(1000), driver.pinned(2000), driver.stream(), driver.event()
    host.array[:1000] = np.arange(1000) % 251
    stream.upload(memory, host.array[:1000])
    stream.download(host.array[1000:], memory)
    stream.record(event)
    stream.wait(event)
    assert event.done()
    np.testing.assert_array_equal(host.array[1000:], np.arange(1000) % 251)
    for part in (event, stream):
        part.close()
    for held in (host, memory):
        held.free()


def test_frames_in_a_ring_go_up_from_where_they_are(bundle: Bundle) -> None:
    ring = Ring(slots=2)
    told: list[str] = []
    with make_engine(bundle, max_batch=4, slots=2, told=told) as engine:
        expected = engine.infer(surface_picture(1, 64, 64)[None]).score
        before = fake_library().fake_live()
        frame = TiledFrame(
            ring.put(1, surface_picture(1, 64, 64)), PixelFormat.RGB8, tile_grid(64, 64, engine.geometry)
        )
        np.testing.assert_array_equal(engine.collect(engine.submit([Cut(frame, 0, 1)]), 10).score, expected)
        assert (fake_library().fake_live() > before) is LOCKS_PAGES
    assert bool([text for text in told if "page-locked" in text]) is not LOCKS_PAGES


def test_batches_are_replayed_where_the_package_has_graphs(bundle: Bundle) -> None:
    told: list[str] = []
    before = fake_library().fake_replays()
    with make_engine(bundle, max_batch=4, slots=1, told=told) as engine:
        for _ in range(5):
            engine.infer(surface_picture(1, 64, 64)[None])
    assert (fake_library().fake_replays() > before) is HAS_GRAPHS
    assert bool(told) is not HAS_GRAPHS


def test_a_capture_that_is_spoilt_leaves_the_stream_as_it_was(driver: CudaDriver) -> None:
    stream, memory, host = driver.stream(), driver.memory(64), driver.pinned(64)

    def allocate() -> None:
        stream.upload(memory, host.array)
        driver.memory(64)

    with pytest.raises(CaptureRefusedError):
        stream.capture(allocate)
    stream.upload(memory, host.array)
    stream.close()
    memory.free()
    host.free()


@pytest.mark.skipif(not HAS_GRAPHS, reason="pycuda has no CUDA graphs")
@pytest.mark.parametrize("function", ["cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"])
def test_batches_are_launched_where_the_driver_makes_no_graph(bundle: Bundle, fail: Fail, function: str) -> None:
    told: list[str] = []
    fail(function, 900)
    with make_engine(bundle, max_batch=4, slots=1, told=told) as engine:
        for _ in range(4):
            engine.infer(surface_picture(1, 64, 64)[None])
    assert len(told) == 1


class Said(NamedTuple):
    """A function of the driver, the code that it ends with, and what is made of it."""

    function: str
    code: int
    error: type[EngineError]
    words: str


@pytest.mark.parametrize(
    "said",
    [
        Said("cuMemcpyHtoDAsync", ILLEGAL_ADDRESS, DeviceLostError, "CUDA_ERROR_ILLEGAL_ADDRESS"),
        Said("cuEventQuery", LAUNCH_FAILED, DeviceLostError, "CUDA_ERROR_LAUNCH_FAILED"),
        Said("cuEventRecord", LAUNCH_FAILED, DeviceLostError, "CUDA_ERROR_LAUNCH_FAILED"),
        Said("cuLaunchKernel", LAUNCH_FAILED, DeviceLostError, "CUDA_ERROR_LAUNCH_FAILED"),
        Said("cuMemAlloc", OUT_OF_MEMORY, DeviceMemoryError, "memory is used up"),
        Said("cuMemHostAlloc", OUT_OF_MEMORY, DeviceMemoryError, "memory is used up"),
        Said("cuMemHostRegister", NOT_PERMITTED, DeviceError, "(?i)not.permitted|pycuda page-locks only"),
    ],
    ids=lambda said: said.function,
)
def test_what_the_driver_says_becomes_the_right_error(driver: CudaDriver, fail: Fail, said: Said) -> None:
    memory, host, stream, event = driver.memory(64), driver.pinned(64), driver.stream(), driver.event()
    stream.record(event)
    kernel = driver.kernel(tile_kernel.SOURCE, tile_kernel.KERNEL_NAME)
    values = (0, np.int32(1), np.int32(1), np.int64(1), np.int32(0), 0, np.int32(1), 0)
    calls: dict[str, Callable[[], object]] = {
        "cuMemcpyHtoDAsync": lambda: stream.upload(memory, host.array),
        "cuEventQuery": event.done,
        "cuEventRecord": lambda: stream.record(event),
        "cuLaunchKernel": lambda: stream.launch(kernel, (1, 1, 1), (32, 8, 1), values),
        "cuMemAlloc": lambda: driver.memory(64),
        "cuMemHostAlloc": lambda: driver.pinned(64),
        "cuMemHostRegister": lambda: driver.page_lock(4096, 4096),
    }
    fail(said.function, said.code)
    with pytest.raises(said.error, match=said.words) as caught:
        calls[said.function]()
    assert type(caught.value) is said.error


def test_a_kernel_that_does_not_compile_is_told(driver: CudaDriver) -> None:
    with pytest.raises(EngineError, match="does not compile broken"):
        driver.kernel('extern "C" __global__ void broken( {', "broken")
