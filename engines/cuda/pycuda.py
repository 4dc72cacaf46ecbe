"""CUDA through pycuda, for PCs and Jetsons that have it already.

It has no CUDA graphs, so every batch is launched anew. And it does not page-lock memory that exists already: its
`register_host_memory` (2026.1) gives an array a second base, which NumPy refuses, and then crashes. A thread that ends
with a pycuda context on its stack aborts the process, so the context is pushed for each use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pycuda.driver as cuda
from numpy.typing import NDArray
from pycuda.compiler import SourceModule

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

_NON_BLOCKING: Final = 0x01
"""CU_STREAM_NON_BLOCKING: the stream does not wait for the default one."""

_CODES: Final = {
    "an illegal memory access was encountered": "CUDA_ERROR_ILLEGAL_ADDRESS",
    "an illegal instruction was encountered": "CUDA_ERROR_ILLEGAL_INSTRUCTION",
    "misaligned address": "CUDA_ERROR_MISALIGNED_ADDRESS",
    "unspecified launch failure": "CUDA_ERROR_LAUNCH_FAILED",
    "the launch timed out and was terminated": "CUDA_ERROR_LAUNCH_TIMEOUT",
    "hardware stack error": "CUDA_ERROR_HARDWARE_STACK_ERROR",
    "invalid program counter": "CUDA_ERROR_INVALID_PC",
    "operation not supported on global/shared address space": "CUDA_ERROR_INVALID_ADDRESS_SPACE",
    "device-side assert triggered": "CUDA_ERROR_ASSERT",
    "uncorrectable ECC error encountered": "CUDA_ERROR_ECC_UNCORRECTABLE",
    "uncorrectable NVLink error detected during the execution": "CUDA_ERROR_NVLINK_UNCORRECTABLE",
    "CUDA-capable device(s) is/are busy or unavailable": "CUDA_ERROR_DEVICE_UNAVAILABLE",
    "no CUDA-capable device is detected": "CUDA_ERROR_NO_DEVICE",
    "context is destroyed": "CUDA_ERROR_CONTEXT_IS_DESTROYED",
    "driver shutting down": "CUDA_ERROR_DEINITIALIZED",
    "system not yet initialized": "CUDA_ERROR_SYSTEM_NOT_READY",
    "unknown error": "CUDA_ERROR_UNKNOWN",
}
"""pycuda passes on the driver's words for a code (`cuGetErrorString`), not the code."""


class PycudaDriver(CudaDriver):
    """One GPU, in its primary context, which TensorRT uses too."""

    def __init__(self, device: int) -> None:
        """Open GPU number `device`.

        Raises:
            DeviceError: there is no such GPU, or no driver for it.
        """
        with _translated():
            cuda.init()
            opened = cuda.Device(device)
            self._context = opened.retain_primary_context()
            major, minor = opened.compute_capability()
            version = cuda.get_driver_version()
            self.info = DeviceInfo(
                name=opened.name(),
                compute_capability=f"{major}.{minor}",
                driver=f"{version // 1000}.{version % 1000 // 10}",
                memory_bytes=opened.total_memory(),
            )

    @contextmanager
    def attached(self) -> Iterator[None]:
        """See `CudaDriver.attached`."""
        with _translated():
            self._context.push()
        try:
            yield
        finally:
            cuda.Context.pop()

    def memory(self, size: int) -> DeviceMemory:
        """See `CudaDriver.memory`."""
        return _DeviceMemory(size)

    def pinned(self, size: int) -> HostMemory:
        """See `CudaDriver.pinned`."""
        return _HostMemory(size)

    def page_lock(self, address: int, size: int) -> PageLock:  # noqa: ARG002 - the seam's signature
        """See `CudaDriver.page_lock`."""
        raise DeviceError("pycuda page-locks only memory of its own; engine.cuda = 'cuda-core' locks any")

    def stream(self) -> Stream:
        """See `CudaDriver.stream`."""
        return _Stream()

    def event(self) -> Event:
        """See `CudaDriver.event`."""
        return _Event()

    def kernel(self, source: str, name: str) -> Kernel:
        """See `CudaDriver.kernel`. It calls nvcc, which must be on PATH."""
        try:
            module = SourceModule(source, no_extern_c=True, arch=f"sm_{self.info.compute_capability.replace('.', '')}")
        except Exception as error:  # pycuda.driver.CompileError, OSError where nvcc is not there
            raise EngineError(f"nvcc does not compile {name}: {error}") from error
        with _translated():
            return _Kernel(module, module.get_function(name))

    def close(self) -> None:
        """See `CudaDriver.close`."""
        with _translated():
            self._context.detach()


class _DeviceMemory(DeviceMemory):
    def __init__(self, size: int) -> None:
        with _translated():
            self._allocation = cuda.mem_alloc(size)
        self.address = int(self._allocation)
        self.size = size

    def free(self) -> None:
        with _translated():
            self._allocation.free()


class _HostMemory(HostMemory):
    def __init__(self, size: int) -> None:
        with _translated():
            self._array: NDArray[np.uint8] = cuda.pagelocked_empty(size, np.uint8)

    @property
    def array(self) -> NDArray[np.uint8]:
        return self._array

    def free(self) -> None:
        with _translated():
            self._array.base.free()  # type: ignore[union-attr]  # a PagelockedHostAllocation


class _Kernel(Kernel):
    def __init__(self, module: Any, function: Any) -> None:
        self._module = module
        """Unloaded with the last reference to it."""
        self.function = function


class _Event(Event):
    def __init__(self) -> None:
        with _translated():
            self.event = cuda.Event(cuda.event_flags.DISABLE_TIMING)

    def done(self) -> bool:
        with _translated():
            return bool(self.event.query())

    def close(self) -> None:
        del self.event


class _Stream(Stream):
    def __init__(self) -> None:
        with _translated():
            self._stream = cuda.Stream(_NON_BLOCKING)

    @property
    def handle(self) -> int:
        return int(self._stream.handle)

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8]) -> None:
        with _translated():
            cuda.memcpy_htod_async(target.address, source, self._stream)

    def download(self, target: NDArray[np.uint8], source: DeviceMemory) -> None:
        with _translated():
            cuda.memcpy_dtoh_async(target, source.address, self._stream)

    def launch(
        self, kernel: Kernel, grid: tuple[int, int, int], block: tuple[int, int, int], arguments: Sequence[Argument]
    ) -> None:
        assert isinstance(kernel, _Kernel)
        values = [np.uintp(value) if isinstance(value, int) else value for value in arguments]
        with _translated():
            kernel.function(*values, grid=grid, block=block, stream=self._stream)

    def record(self, event: Event) -> None:
        assert isinstance(event, _Event)
        with _translated():
            event.event.record(self._stream)

    def wait(self, event: Event) -> None:
        assert isinstance(event, _Event)
        with _translated():
            self._stream.wait_for_event(event.event)

    def capture(self, work: Callable[[], None]) -> Graph:  # noqa: ARG002 - the seam's signature
        raise CaptureRefusedError("pycuda has no CUDA graphs; engine.cuda = 'cuda-core' has")

    def replay(self, graph: Graph) -> None:
        raise AssertionError(f"pycuda captures nothing, so {graph} is not of this driver")

    def close(self) -> None:
        del self._stream


@contextmanager
def _translated() -> Iterator[None]:
    """pycuda's errors say `<function> failed: <the driver's words>[ - <more>]`."""
    try:
        yield
    except cuda.MemoryError as error:
        raise device_error("CUDA_ERROR_OUT_OF_MEMORY", str(error).partition(" failed: ")[0]) from error
    except cuda.Error as error:
        call, _, words = str(error).partition(" failed: ")
        text = words.partition(" - ")[0]
        if text in _CODES:
            raise device_error(_CODES[text], call) from error
        raise DeviceError(f"the GPU's driver failed: {error}") from error
