"""The seam to the deserialised engine, with the bundle's graph in ONNX Runtime behind it, and TensorRT's rules."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.cuda.driver import CudaDriver, DeviceMemory, Stream
from engines.errors import EngineError
from engines.plan import CENTROIDS, DISTANCE, SCORE, TILES, Plan, PlanContext, PlanLoader
from tests.engines.recording.driver import RecordingDriver, RecordingStream
from tests.engines.recording.memory import Allocation, Violation

_NAMES = (TILES, CENTROIDS, DISTANCE, SCORE)


class RecordingLoader(PlanLoader):
    """Loads a bundle's graph."""

    def __init__(self, bundle: Bundle, *, max_batch: int, captures_itself: bool = False) -> None:
        self._bundle = bundle
        self._max_batch = max_batch
        self._captures_itself = captures_itself

    def load(self, driver: CudaDriver) -> Plan:
        assert isinstance(driver, RecordingDriver)
        return RecordingPlan(driver, self._bundle, self._max_batch, captures_itself=self._captures_itself)


class RecordingPlan(Plan):
    """One graph for any number of contexts."""

    scratch_bytes = 4096

    def __init__(self, driver: RecordingDriver, bundle: Bundle, max_batch: int, *, captures_itself: bool) -> None:
        self.driver = driver
        self.max_batch = max_batch
        self.captures_itself = captures_itself
        self.tile = bundle.manifest.tile
        self.centroids_shape = bundle.centroids.shape
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(bundle.model, options, providers=["CPUExecutionProvider"])
        side = next(output.shape for output in self.session.get_outputs() if output.name == DISTANCE)
        self.map_shape = (side[1], side[2])
        driver.live.add(self)

    def context(self, scratch: DeviceMemory) -> PlanContext:
        with self.driver.call("context"):
            if scratch.size < self.scratch_bytes:
                raise Violation("a context is given less memory than it needs")
            context = RecordingContext(self, scratch)
            self.driver.live.add(context)
            return context

    def close(self) -> None:
        with self.driver.call("plan.close"):
            if any(isinstance(thing, RecordingContext) for thing in self.driver.live):
                raise Violation("a plan is closed before its contexts")
            self.driver.live.remove(self)


class RecordingContext(PlanContext):
    """Knows whether it ran since its shape changed, and whether it changed since it was captured."""

    def __init__(self, plan: RecordingPlan, scratch: DeviceMemory) -> None:
        self._plan = plan
        self._scratch = plan.driver.device.find(scratch.address, scratch.size, "context")
        self._itself = Allocation("an execution context", 0, np.zeros(1, np.uint8))
        """Used by each run as if written to, so that two at a time are a race."""
        self._bound: dict[str, DeviceMemory] = {}
        self._count = 0
        self._version = 0
        self._ran = False

    def bind(self, name: str, memory: DeviceMemory) -> None:
        self._bound[name] = memory
        self._changed()

    def set_batch(self, count: int) -> None:
        if not 0 < count <= self._plan.max_batch:
            raise EngineError(f"TensorRT refuses a batch of {count} tiles")
        if count != self._count:
            self._count = count
            self._changed()

    def enqueue(self, stream: Stream) -> None:
        assert isinstance(stream, RecordingStream)
        with self._plan.driver.call("enqueue", stream):
            if set(self._bound) != set(_NAMES) or not self._count:
                raise Violation("a context is run before all its tensors are bound and its batch is set")
            if self._plan.driver.capturing is not None and not self._ran:
                raise Violation("a context is captured before it ran with its shape")
            self._ran = True
            count, version = self._count, self._version
            if not stream.node(lambda: self._replay(stream, count, version)):
                self._put(stream, count)

    def close(self) -> None:
        with self._plan.driver.call("context.close"):
            self._itself.touched_by_host(self._plan.driver.host_clock, "closed")
            self._itself.freed = True
            self._plan.driver.live.remove(self)

    def _changed(self) -> None:
        self._itself.touched_by_host(self._plan.driver.host_clock, "changed")
        self._version += 1
        self._ran = False

    def _replay(self, stream: RecordingStream, count: int, version: int) -> None:
        if version != self._version:
            raise Violation("a graph is replayed though its context was changed since it was captured")
        self._put(stream, count)

    def _put(self, stream: RecordingStream, count: int) -> None:
        size, (rows, columns) = self._plan.tile.size, self._plan.map_shape
        bytes_of = {
            TILES: count * size * size * 3,
            CENTROIDS: int(np.prod(self._plan.centroids_shape)) * 4,
            DISTANCE: count * rows * columns * 4,
            SCORE: count * 4,
        }
        find = self._plan.driver.device.find
        places = {
            name: (*find(self._bound[name].address, bytes_of[name], "the graph"), bytes_of[name]) for name in _NAMES
        }

        def view(name: str) -> NDArray[np.uint8]:
            allocation, start, length = places[name]
            return allocation.data[start : start + length]

        def do() -> None:
            feed = {
                TILES: view(TILES).reshape(count, size, size, 3),
                CENTROIDS: view(CENTROIDS).view(np.float32).reshape(self._plan.centroids_shape),
            }
            distance, score = self._plan.session.run([DISTANCE, SCORE], feed)
            view(DISTANCE)[:] = distance.reshape(-1).view(np.uint8)
            view(SCORE)[:] = score.view(np.uint8)

        scratch, start = self._scratch
        stream.put(
            "the graph",
            do,
            reads=[places[TILES], places[CENTROIDS]],
            writes=[(self._itself, 0, 1), (scratch, start, scratch.data.size), places[DISTANCE], places[SCORE]],
        )
