"""CUDA through NVIDIA's own packages, cuda-core (1.0 or later) and the cuda-bindings below it.

cuda-core gives the device, streams, events, the compiler and launches. Memory, copies and capture go through the
bindings, which are the driver's C functions: cuda-core page-locks no memory that exists already, and hands freed memory
to a pool where here it is to be gone.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from cuda.bindings import driver as cuda
from cuda.core import (
    Device,
    EventOptions,
    LaunchConfig,
    Program,
    ProgramOptions,
    launch,
)
from cuda.core import Event as CoreEvent
from cuda.core import Kernel as CoreKernel
from cuda.core import Stream as CoreStream
from numpy.typing import NDArray

from engines.cuda.driver import (
    Argument,
    CudaDriver,
    DeviceInfo,
    DeviceMemory,
    Event,
    Graph,
    HostMemory,
    Kernel,
    PageLock,
    Stream,
)
from engines.cuda.faults import device_error
from engines.errors import CaptureRefusedError, DeviceError, EngineError

_READ_ONLY: Final = 0x08
"""CU_MEMHOSTREGISTER_READ_ONLY: the memory may be mapped for reading alone, as a camera's ring is."""


class CudaCoreDriver(CudaDriver):
    """One GPU, in its primary context, which TensorRT uses too."""

    def __init__(self, device: int) -> None:
        """Open GPU number `device`.

        Raises:
            DeviceError: there is no such GPU, or no driver for it.
        """
        with _translated("opening the GPU"):
            self._device = Device(device)
            self._device.set_current()
            self.info = self._read_info()

    @contextmanager
    def attached(self) -> Iterator[None]:
        """See `CudaDriver.attached`. A thread stays attached; nothing else in this process uses another context."""
        with _translated("cuCtxSetCurrent"):
            self._device.set_current()
        yield

    def memory(self, size: int) -> DeviceMemory:
        """See `CudaDriver.memory`."""
        return _DeviceMemory(size)

    def pinned(self, size: int) -> HostMemory:
        """See `CudaDriver.pinned`."""
        return _HostMemory(size)

    def page_lock(self, address: int, size: int) -> PageLock:
        """See `CudaDriver.page_lock`."""
        return _PageLock(address, size)

    def stream(self) -> Stream:
        """See `CudaDriver.stream`."""
        with _translated("cuStreamCreate"):
            return _Stream(self._device.create_stream())

    def event(self) -> Event:
        """See `CudaDriver.event`."""
        with _translated("cuEventCreate"):
            return _Event(self._device.create_event(EventOptions(timing_enabled=False)))

    def kernel(self, source: str, name: str) -> Kernel:
        """See `CudaDriver.kernel`."""
        options = ProgramOptions(arch=f"sm_{self._device.arch}")
        try:
            code = Program(source, "c++", options).compile("cubin")
        except Exception as error:  # NVRTC's errors and a missing NVRTC share no public base
            raise EngineError(f"NVRTC does not compile {name} for sm_{self._device.arch}: {error}") from error
        with _translated("loading the kernel"):
            return _Kernel(code.get_kernel(name))

    def close(self) -> None:
        """See `CudaDriver.close`. The primary context belongs to the process and ends with it."""

    def _read_info(self) -> DeviceInfo:
        major, minor = self._device.compute_capability
        version = _checked(cuda.cuDriverGetVersion(), "cuDriverGetVersion")
        _, total = _checked(cuda.cuMemGetInfo(), "cuMemGetInfo")
        return DeviceInfo(
            name=self._device.name,
            compute_capability=f"{major}.{minor}",
            driver=f"{version // 1000}.{version % 1000 // 10}",
            memory_bytes=int(total),
        )


class _DeviceMemory(DeviceMemory):
    def __init__(self, size: int) -> None:
        self._pointer = _checked(cuda.cuMemAlloc(size), f"cuMemAlloc of {size} bytes")
        self.address = int(self._pointer)
        self.size = size

    def free(self) -> None:
        _checked(cuda.cuMemFree(self._pointer), "cuMemFree")


class _HostMemory(HostMemory):
    def __init__(self, size: int) -> None:
        self._address = int(_checked(cuda.cuMemHostAlloc(size, 0), f"cuMemHostAlloc of {size} bytes"))
        block = (ctypes.c_uint8 * size).from_address(self._address)
        self._array: NDArray[np.uint8] = np.ctypeslib.as_array(block)

    @property
    def array(self) -> NDArray[np.uint8]:
        return self._array

    def free(self) -> None:
        _checked(cuda.cuMemFreeHost(self._address), "cuMemFreeHost")


class _PageLock(PageLock):
    def __init__(self, address: int, size: int) -> None:
        self._address = address
        _checked(cuda.cuMemHostRegister(address, size, _READ_ONLY), "cuMemHostRegister")

    def release(self) -> None:
        _checked(cuda.cuMemHostUnregister(self._address), "cuMemHostUnregister")


class _Kernel(Kernel):
    def __init__(self, kernel: CoreKernel) -> None:
        self.core = kernel


class _Graph(Graph):
    def __init__(self, executable: cuda.CUgraphExec) -> None:
        self.executable = executable

    def close(self) -> None:
        _checked(cuda.cuGraphExecDestroy(self.executable), "cuGraphExecDestroy")


class _Event(Event):
    def __init__(self, event: CoreEvent) -> None:
        self.core = event

    def done(self) -> bool:
        with _translated("cuEventQuery"):
            return bool(self.core.is_done)

    def close(self) -> None:
        with _translated("cuEventDestroy"):
            self.core.close()


class _Stream(Stream):
    def __init__(self, stream: CoreStream) -> None:
        self._core = stream

    @property
    def handle(self) -> int:
        return int(self._core.handle)

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8]) -> None:
        copied = cuda.cuMemcpyHtoDAsync(target.address, source.ctypes.data, source.nbytes, self._core.handle)
        _checked(copied, "cuMemcpyHtoDAsync")

    def download(self, target: NDArray[np.uint8], source: DeviceMemory) -> None:
        copied = cuda.cuMemcpyDtoHAsync(target.ctypes.data, source.address, target.nbytes, self._core.handle)
        _checked(copied, "cuMemcpyDtoHAsync")

    def launch(
        self, kernel: Kernel, grid: tuple[int, int, int], block: tuple[int, int, int], arguments: Sequence[Argument]
    ) -> None:
        assert isinstance(kernel, _Kernel)
        with _translated("launching a kernel"):
            launch(self._core, LaunchConfig(grid=grid, block=block), kernel.core, *arguments)

    def record(self, event: Event) -> None:
        assert isinstance(event, _Event)
        with _translated("cuEventRecord"):
            self._core.record(event.core)

    def wait(self, event: Event) -> None:
        assert isinstance(event, _Event)
        with _translated("cuStreamWaitEvent"):
            self._core.wait(event.core)

    def capture(self, work: Callable[[], None]) -> Graph:
        # Thread-local: another thread may allocate meanwhile without spoiling this capture.
        mode = cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        _checked(cuda.cuStreamBeginCapture(self._core.handle, mode), "cuStreamBeginCapture")
        try:
            work()
        except EngineError as error:
            self._end_spoilt_capture()
            raise CaptureRefusedError(f"the CUDA graph was not captured: {error}") from error
        except BaseException:
            self._end_spoilt_capture()
            raise
        graph = _checked(cuda.cuStreamEndCapture(self._core.handle), "cuStreamEndCapture")
        try:
            return _Graph(_checked(cuda.cuGraphInstantiate(graph, 0), "cuGraphInstantiate"))
        finally:
            _checked(cuda.cuGraphDestroy(graph), "cuGraphDestroy")

    def replay(self, graph: Graph) -> None:
        assert isinstance(graph, _Graph)
        _checked(cuda.cuGraphLaunch(graph.executable, self._core.handle), "cuGraphLaunch")

    def close(self) -> None:
        with _translated("cuStreamDestroy"):
            self._core.close()

    def _end_spoilt_capture(self) -> None:
        """The stream must leave capture; what it says of the capture is not news."""
        _, graph = cuda.cuStreamEndCapture(self._core.handle)
        if graph is not None and int(graph):
            cuda.cuGraphDestroy(graph)


def _checked(returned: tuple[Any, ...], call: str) -> Any:
    """The values of a driver function, without its result code."""
    code, *values = returned
    if code != cuda.CUresult.CUDA_SUCCESS:
        raise device_error(cuda.CUresult(code).name, call)
    return values[0] if len(values) == 1 else tuple(values)


@contextmanager
def _translated(call: str) -> Iterator[None]:
    """cuda-core raises errors whose text begins with the result code, of a class that it does not export."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        code, _, detail = str(error).partition(":")
        if code.startswith("CUDA_ERROR_"):
            raise device_error(code, call, detail.strip()) from error
        raise DeviceError(f"{call}: {error}") from error
