"""The seam to CUDA: what the GPU engine needs of a driver, and no more. `cuda_core` and `pycuda` stand behind it.

Work goes into streams and is done later, in each stream's order; nothing here waits for it. Who gives memory to a
stream leaves it alone until an event recorded behind the work is done. Every method may raise `DeviceError`, and
`DeviceLostError` once the device is past use. All of it is used within `CudaDriver.attached`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Argument = int | np.int32 | np.int64
"""Of a kernel: a Python int is an address on the device, a NumPy one a value of its own width."""

_FIRST_PAUSE_S: Final = 20e-6
_LONGEST_PAUSE_S: Final = 500e-6
"""CUDA knows no wait with a deadline, so events are asked again and again: first at once, then at most this late."""


@dataclass(frozen=True)
class DeviceInfo:
    """Which GPU this is, as its driver tells it."""

    name: str
    compute_capability: str
    """As `8.6`."""
    driver: str
    """Version of CUDA that the installed driver offers, as `13.0`."""
    memory_bytes: int


class DeviceMemory(ABC):
    """Memory on the device."""

    address: int
    size: int
    """Bytes."""

    @abstractmethod
    def free(self) -> None:
        """Give it back; no stream may be using it."""


class HostMemory(ABC):
    """Page-locked memory of the host: the device reads and writes it by itself."""

    @property
    @abstractmethod
    def array(self) -> NDArray[np.uint8]:
        """Its bytes. Ask anew for each use, and do not use it while a stream has it."""

    @abstractmethod
    def free(self) -> None:
        """Give it back; no stream may be using it."""


class PageLock(ABC):
    """Existing memory of the host, held in place for the device."""

    @abstractmethod
    def release(self) -> None:
        """Let go of it; no stream may be using it."""


class Kernel:
    """A compiled function of the device; what it holds is its driver's."""


class Graph(ABC):
    """Captured work."""

    @abstractmethod
    def close(self) -> None:
        """Forget it; no stream may be running it."""


class Event(ABC):
    """A mark in a stream."""

    @abstractmethod
    def done(self) -> bool:
        """Whether everything before the mark is done. It must have been recorded."""

    @abstractmethod
    def close(self) -> None:
        """Forget it."""


class Stream(ABC):
    """A queue of work, done in order. None of its methods waits for the work."""

    @property
    @abstractmethod
    def handle(self) -> int:
        """The `cudaStream_t`, for libraries that take one."""

    @abstractmethod
    def upload(self, target: DeviceMemory, source: NDArray[np.uint8]) -> None:
        """Copy `source`, contiguous and page-locked, to the beginning of `target`."""

    @abstractmethod
    def download(self, target: NDArray[np.uint8], source: DeviceMemory) -> None:
        """Copy the beginning of `source` to `target`, contiguous and page-locked."""

    @abstractmethod
    def launch(
        self, kernel: Kernel, grid: tuple[int, int, int], block: tuple[int, int, int], arguments: Sequence[Argument]
    ) -> None:
        """Run a kernel."""

    @abstractmethod
    def record(self, event: Event) -> None:
        """Put a mark behind the work so far."""

    @abstractmethod
    def wait(self, event: Event) -> None:
        """Do what comes next only when a mark, recorded in whichever stream, was reached."""

    @abstractmethod
    def capture(self, work: Callable[[], None]) -> Graph:
        """Take up what `work` puts into this stream, without doing it, to be replayed as one.

        `work` must neither allocate nor free nor ask an event, and touch no other stream.

        Raises:
            CaptureRefusedError: the driver or the work does not allow it; the stream is as before.
        """

    @abstractmethod
    def replay(self, graph: Graph) -> None:
        """Do what was captured."""

    @abstractmethod
    def close(self) -> None:
        """Forget it; it must be empty."""


class CudaDriver(ABC):
    """One GPU. Open one with `engines.cuda.opening.open_driver`."""

    info: DeviceInfo

    @abstractmethod
    def attached(self) -> AbstractContextManager[None]:
        """Within it, the calling thread may use the device. It may be entered again within itself."""

    @abstractmethod
    def memory(self, size: int) -> DeviceMemory:
        """`size` bytes on the device, aligned to 256 bytes, of any content.

        Raises:
            DeviceMemoryError: there is not as much left.
        """

    @abstractmethod
    def pinned(self, size: int) -> HostMemory:
        """`size` bytes of page-locked memory on the host, of any content.

        Raises:
            DeviceMemoryError: there is not as much left.
        """

    @abstractmethod
    def page_lock(self, address: int, size: int) -> PageLock:
        """Hold `size` bytes of the host at `address`, both multiples of a page, in place for reading by the device.

        Raises:
            DeviceError: the driver does not allow it for this memory.
        """

    @abstractmethod
    def stream(self) -> Stream:
        """A new stream, which waits for no other."""

    @abstractmethod
    def event(self) -> Event:
        """A new event."""

    @abstractmethod
    def kernel(self, source: str, name: str) -> Kernel:
        """Compile CUDA C++ for this device and find the function `name`, declared `extern "C"`.

        Raises:
            EngineError: it does not compile; the message holds the compiler's.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device, outside `attached`; everything made of it was freed before."""


def wait_until(done: Callable[[], bool], timeout_s: float) -> bool:
    """Ask until `done` says so; False when it did not within `timeout_s`. It is asked once at least."""
    end = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    while not done():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    return True
