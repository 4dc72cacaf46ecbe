"""A plan for the fake CUDA driver: the bundle's graph in ONNX Runtime, put into a stream as a host function.

Device memory is the host's there, so that the graph reads and writes it at its addresses.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.cuda.driver import CudaDriver, DeviceMemory, Stream
from engines.errors import DeviceError
from engines.plan import CENTROIDS, DISTANCE, SCORE, TILES, Plan, PlanContext, PlanLoader

_HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def fake_library() -> ctypes.CDLL:
    """The library that the driver package has loaded."""
    library = ctypes.CDLL("libcuda.so.1")
    library.cuLaunchHostFunc.argtypes = [ctypes.c_void_p, _HostFunction, ctypes.c_void_p]
    return library


class HostLoader(PlanLoader):
    """Loads a bundle's graph."""

    def __init__(self, bundle: Bundle, max_batch: int) -> None:
        self._bundle = bundle
        self._max_batch = max_batch

    def load(self, driver: CudaDriver) -> Plan:  # noqa: ARG002 - the seam's signature
        return _HostPlan(self._bundle, self._max_batch)


class _HostPlan(Plan):
    scratch_bytes = 256
    captures_itself = False

    def __init__(self, bundle: Bundle, max_batch: int) -> None:
        self.max_batch = max_batch
        self.tile = bundle.manifest.tile
        self.centroids_shape = bundle.centroids.shape
        self.session = ort.InferenceSession(bundle.model, providers=["CPUExecutionProvider"])
        side = next(output.shape for output in self.session.get_outputs() if output.name == DISTANCE)
        self.map_shape = (side[1], side[2])

    def context(self, scratch: DeviceMemory) -> PlanContext:  # noqa: ARG002 - likewise
        return _HostContext(self)

    def close(self) -> None:
        pass


class _HostContext(PlanContext):
    def __init__(self, plan: _HostPlan) -> None:
        self._plan = plan
        self._library = fake_library()
        self._bound: dict[str, int] = {}
        self._count = 0
        self._kept: list[Any] = []
        """Callbacks that a graph may call again."""

    def bind(self, name: str, memory: DeviceMemory) -> None:
        self._bound[name] = memory.address

    def set_batch(self, count: int) -> None:
        self._count = count

    def enqueue(self, stream: Stream) -> None:
        callback = _HostFunction(self._run(self._count))
        self._kept.append(callback)
        code = self._library.cuLaunchHostFunc(stream.handle, callback, None)
        if code:
            raise DeviceError(f"cuLaunchHostFunc: {code}")

    def close(self) -> None:
        self._kept = []

    def _run(self, count: int) -> Callable[[int], None]:
        plan = self._plan
        size, (rows, columns) = plan.tile.size, plan.map_shape

        def run(_: int) -> None:
            tiles = _at(self._bound[TILES], count * size * size * 3).reshape(count, size, size, 3)
            numbers = int(np.prod(plan.centroids_shape))
            centroids = _at(self._bound[CENTROIDS], numbers * 4).view(np.float32).reshape(plan.centroids_shape)
            distance, score = plan.session.run([DISTANCE, SCORE], {TILES: tiles, CENTROIDS: centroids})
            _at(self._bound[DISTANCE], count * rows * columns * 4)[:] = distance.reshape(-1).view(np.uint8)
            _at(self._bound[SCORE], count * 4)[:] = score.view(np.uint8)

        return run


def _at(address: int, size: int) -> NDArray[np.uint8]:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
