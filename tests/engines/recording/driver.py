"""The seam to CUDA, done on the CPU.

Work is done late, a few pieces at each later call, in an order that is random across streams, so that a wait that was
forgotten is seen in the results as well.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.cuda import tile_kernel
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
from engines.errors import CaptureRefusedError, DeviceError, DeviceLostError
from tests.engines.recording.cutting import cut_on_cpu
from tests.engines.recording.memory import AddressSpace, Allocation, Clock, Use, Violation, merge

_BASE = 0x7000_0000_0000
_ALIGNMENT = 256
_POISON = 0xFF
"""What host memory holds while a download is on its way: as float32, NaN."""


@dataclass(frozen=True)
class Work:
    """A piece of work in a stream."""

    number: int
    clock: Clock
    do: Callable[[], None]
    behind: tuple[int, int] | None = None
    """Stream and number of the work that must be done first."""


class RecordingDriver(CudaDriver):
    """The GPU. Its faults are set by the test."""

    def __init__(self, seed: int = 0) -> None:
        self.info = DeviceInfo("Recording GPU", "8.6", "13.0", 1 << 33)
        self.device = AddressSpace("memory of the device")
        self.host = AddressSpace("page-locked memory")
        self.host_clock: Clock = {}
        self.streams: dict[int, RecordingStream] = {}
        self.capturing: RecordingStream | None = None
        self.live: set[object] = set()
        """Streams, events, graphs, contexts and plans that were not closed."""
        self.faults: dict[str, DeviceError] = {}
        """By method: what it raises."""
        self._refuse_once: dict[str, DeviceError] = {}
        self.hangs = False
        self.allocated = 0
        self.uploaded_bytes = 0
        self.replays = 0
        self.kernels_compiled = 0
        self._random = random.Random(seed)  # noqa: S311 - a test's order of work
        self._next_address = _BASE
        self._next_handle = 1
        self._threads = threading.local()
        self._lock = threading.RLock()

    def lose(self) -> None:
        """From now on every call fails as those of a GPU that is gone."""
        self.faults["*"] = DeviceLostError("the GPU is lost: CUDA_ERROR_LAUNCH_FAILED")

    def refuse_next(self, method: str, error: DeviceError) -> None:
        """Only the next call of a method fails."""
        self._refuse_once[method] = error

    @contextmanager
    def attached(self) -> Iterator[None]:
        self._threads.depth = getattr(self._threads, "depth", 0) + 1
        try:
            yield
        finally:
            self._threads.depth -= 1

    def memory(self, size: int) -> DeviceMemory:
        with self.call("memory"):
            data = np.full(size, 0xA5, np.uint8)
            allocation = Allocation(f"device memory {self.allocated}", self._next_address, data)
            self.allocated += 1
            self._next_address = -(-(allocation.stop + _ALIGNMENT) // _ALIGNMENT) * _ALIGNMENT
            self.device.add(allocation)
            return _DeviceMemory(self, allocation)

    def pinned(self, size: int) -> HostMemory:
        with self.call("pinned"):
            data = np.full(size, 0xA5, np.uint8)
            allocation = Allocation(f"pinned memory {len(self.host.live())}", data.ctypes.data, data)
            self.host.add(allocation)
            return _HostMemory(self, allocation)

    def page_lock(self, address: int, size: int) -> PageLock:
        with self.call("page_lock"):
            if address % mmap.PAGESIZE or size % mmap.PAGESIZE:
                raise Violation(f"page_lock: {size} bytes at {address:#x} are not whole pages")
            data = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
            if any(other.address < address + size and address < other.stop for other in self.host.live()):
                raise Violation(f"page_lock: memory at {address:#x} is page-locked already")
            allocation = Allocation(f"page-locked memory at {address:#x}", address, data)
            self.host.add(allocation)
            return _PageLock(self, allocation)

    def stream(self) -> Stream:
        with self.call("stream"):
            stream = RecordingStream(self, self._next_handle)
            self._next_handle += 1
            self.streams[stream.handle] = stream
            self.live.add(stream)
            return stream

    def event(self) -> Event:
        with self.call("event"):
            event = RecordingEvent(self)
            self.live.add(event)
            return event

    def kernel(self, source: str, name: str) -> Kernel:
        with self.call("kernel"):
            assert (source, name) == (tile_kernel.SOURCE, tile_kernel.KERNEL_NAME)
            self.kernels_compiled += 1
            return Kernel()

    def close(self) -> None:
        if getattr(self._threads, "depth", 0):
            raise Violation("the driver is closed while this thread is attached")
        with self.attached(), self.call("close"):
            leaks = [allocation.name for allocation in self.device.live() + self.host.live()]
            leaks += [type(thing).__name__ for thing in self.live]
            if leaks:
                raise Violation(f"never freed: {', '.join(sorted(leaks))}")

    @contextmanager
    def call(self, name: str, stream: RecordingStream | None = None) -> Iterator[None]:
        """What holds for every call: the thread is attached, and a capture is not disturbed; work goes on a bit."""
        if not getattr(self._threads, "depth", 0):
            raise Violation(f"{name}: this thread is not attached to the device")
        with self._lock:
            fault = self.faults.get("*") or self.faults.get(name) or self._refuse_once.pop(name, None)
            if fault is not None:
                raise fault
            if self.capturing is not None and self.capturing is not stream:
                raise Violation(f"{name}: during a capture only its stream may be used, and nothing allocated or asked")
            if self.capturing is None:
                self.go_on(self._random.choice((0, 0, 1, 2)))
            yield

    def go_on(self, pieces: int) -> None:
        """Do some pieces of work, whichever can be done."""
        for _ in range(0 if self.hangs else pieces):
            able = [stream for stream in self.streams.values() if stream.able]
            if not able:
                return
            self._random.choice(able).do_next()

    def live_events(self) -> list[RecordingEvent]:
        """Events that were not closed."""
        return [thing for thing in self.live if isinstance(thing, RecordingEvent)]

    def reached(self, stream: int, number: int) -> bool:
        """Whether a piece of work was done."""
        return self.streams[stream].done >= number


class _DeviceMemory(DeviceMemory):
    def __init__(self, driver: RecordingDriver, allocation: Allocation) -> None:
        self._driver = driver
        self.allocation = allocation
        self.address = allocation.address
        self.size = allocation.data.size

    def free(self) -> None:
        with self._driver.call("free"):
            self.allocation.touched_by_host(self._driver.host_clock, "freed")
            self.allocation.freed = True


class _HostMemory(HostMemory):
    def __init__(self, driver: RecordingDriver, allocation: Allocation) -> None:
        self._driver = driver
        self._allocation = allocation

    @property
    def array(self) -> NDArray[np.uint8]:
        self._allocation.touched_by_host(self._driver.host_clock, "touched by the host")
        return self._allocation.data

    def free(self) -> None:
        with self._driver.call("free"):
            self._allocation.touched_by_host(self._driver.host_clock, "freed")
            self._allocation.freed = True


class _PageLock(PageLock):
    def __init__(self, driver: RecordingDriver, allocation: Allocation) -> None:
        self._driver = driver
        self._allocation = allocation

    def release(self) -> None:
        with self._driver.call("release"):
            self._allocation.touched_by_host(self._driver.host_clock, "released")
            self._allocation.freed = True


@dataclass(eq=False)
class RecordingGraph(Graph):
    """Captured work: what to put into the stream again."""

    driver: RecordingDriver
    stream: RecordingStream
    nodes: list[Callable[[], None]] = field(default_factory=list)
    last: int = 0
    """Number of the last piece of work that it put into its stream."""

    def close(self) -> None:
        with self.driver.call("graph.close"):
            if self.driver.host_clock.get(self.stream.handle, 0) < self.last:
                raise Violation("a graph is destroyed while its stream may be running it")
            _close(self.driver, self)


class RecordingEvent(Event):
    """A mark: behind which work of which stream."""

    def __init__(self, driver: RecordingDriver) -> None:
        self._driver = driver
        self.mark: Work | None = None
        self.stream = 0

    def done(self) -> bool:
        with self._driver.call("done"):
            if self.mark is None:
                raise Violation("an event is asked before it was recorded")
            self._driver.go_on(2)
            reached = self._driver.reached(self.stream, self.mark.number)
            if reached:
                merge(self._driver.host_clock, self.mark.clock)
            return reached

    def close(self) -> None:
        with self._driver.call("event.close"):
            _close(self._driver, self)


class RecordingStream(Stream):
    """A queue of work."""

    def __init__(self, driver: RecordingDriver, handle: int) -> None:
        self._driver = driver
        self._handle = handle
        self._queue: deque[Work] = deque()
        self._clock: Clock = {}
        self._given = 0
        self.done = 0
        self._graph: RecordingGraph | None = None

    @property
    def handle(self) -> int:
        return self._handle

    @property
    def able(self) -> bool:
        """Whether its next piece of work can be done."""
        return bool(self._queue) and (self._queue[0].behind is None or self._driver.reached(*self._queue[0].behind))

    def do_next(self) -> None:
        """Do it."""
        work = self._queue.popleft()
        work.do()
        self.done = work.number

    def put(
        self,
        what: str,
        do: Callable[[], None],
        *,
        reads: Sequence[tuple[Allocation, int, int]] = (),
        writes: Sequence[tuple[Allocation, int, int]] = (),
        behind: tuple[int, int] | None = None,
    ) -> Work:
        """Take a piece of work, with the bytes that it uses: allocation, start and size."""
        number = self._given + 1
        merge(self._clock, self._driver.host_clock)
        clock = {**self._clock, self._handle: self._given}
        for places, is_write in ((writes, True), (reads, False)):
            for allocation, start, size in places:
                allocation.use(Use(self._handle, number, start, start + size, is_write, what), clock)
        self._given = number
        self._clock[self._handle] = number
        work = Work(number, dict(self._clock), do, behind)
        self._queue.append(work)
        return work

    def node(self, again: Callable[[], None]) -> bool:
        """While capturing, keep `again` for the replay instead of doing it; whether it was kept."""
        if self._graph is None:
            return False
        self._graph.nodes.append(again)
        return True

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8]) -> None:
        with self._driver.call("upload", self):
            if self.node(lambda: self.upload(target, source)):
                return
            held, start = self._driver.host.find(source.ctypes.data, source.nbytes, "upload")
            place, offset = self._driver.device.find(target.address, source.nbytes, "upload")
            before = source.copy()

            def do() -> None:
                if not np.array_equal(source, before):
                    raise Violation(f"{held.name} was written to while stream {self._handle} owned it for an upload")
                place.data[offset : offset + source.nbytes] = source

            size = source.nbytes
            self.put("an upload", do, reads=[(held, start, size)], writes=[(place, offset, size)])
            self._driver.uploaded_bytes += size

    def download(self, target: NDArray[np.uint8], source: DeviceMemory) -> None:
        with self._driver.call("download", self):
            if self.node(lambda: self.download(target, source)):
                return
            held, start = self._driver.host.find(target.ctypes.data, target.nbytes, "download")
            place, offset = self._driver.device.find(source.address, target.nbytes, "download")
            size = target.nbytes

            def do() -> None:
                if not (target == _POISON).all():
                    raise Violation(f"{held.name} was written to while stream {self._handle} owned it for a download")
                target[:] = place.data[offset : offset + size]

            self.put("a download", do, reads=[(place, offset, size)], writes=[(held, start, size)])
            target[:] = _POISON

    def launch(
        self, kernel: Kernel, grid: tuple[int, int, int], block: tuple[int, int, int], arguments: Sequence[Argument]
    ) -> None:
        with self._driver.call("launch", self):
            if self.node(lambda: self.launch(kernel, grid, block, arguments)):
                return
            assert block == tile_kernel.BLOCK
            do, reads, writes = cut_on_cpu(self._driver.device, grid, arguments)
            self.put("cutting", do, reads=reads, writes=writes)

    def record(self, event: Event) -> None:
        assert isinstance(event, RecordingEvent)
        with self._driver.call("record"):
            event.mark, event.stream = self.put("a mark", lambda: None), self._handle

    def wait(self, event: Event) -> None:
        assert isinstance(event, RecordingEvent)
        with self._driver.call("wait"):
            if event.mark is None:
                raise Violation("a stream waits for an event that was not recorded")
            merge(self._clock, event.mark.clock)
            self.put("a wait", lambda: None, behind=(event.stream, event.mark.number))

    def capture(self, work: Callable[[], None]) -> Graph:
        with self._driver.call("capture"):
            self._graph = graph = RecordingGraph(self._driver, self)
            self._driver.capturing = self
        try:
            work()
        except DeviceError as error:
            raise CaptureRefusedError(str(error)) from error
        finally:
            self._graph = self._driver.capturing = None
        self._driver.live.add(graph)
        return graph

    def replay(self, graph: Graph) -> None:
        assert isinstance(graph, RecordingGraph)
        with self._driver.call("replay", self):
            if graph not in self._driver.live:
                raise Violation("a graph is replayed after it was destroyed")
            for node in graph.nodes:
                node()
            graph.last = self._given
            self._driver.replays += 1

    def close(self) -> None:
        with self._driver.call("stream.close"):
            if self._driver.host_clock.get(self._handle, 0) < self._given:
                raise Violation(f"stream {self._handle} is destroyed while it may be at work")
            _close(self._driver, self)


def _close(driver: RecordingDriver, thing: object) -> None:
    if thing not in driver.live:
        raise Violation(f"{type(thing).__name__} is closed twice")
    driver.live.remove(thing)
