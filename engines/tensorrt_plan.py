"""Plans through TensorRT (10 or later) or TensorRT-RTX, whose Python packages are alike but for their name.

Both are only imported here, when a plan is loaded: neither is there on a PC without a GPU.
"""

from __future__ import annotations

import importlib
from typing import Any

from engines.builds import BuiltEngine, Fingerprint, Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import DeviceInfo, DeviceMemory, Stream
from engines.errors import EngineError
from engines.plan import CENTROIDS, DISTANCE, TILES, Plan, PlanContext, interface
from engines.tensorrt_log import TensorRTLog


def load_package(runtime: Runtime) -> Any:
    """The Python package of a runtime.

    Raises:
        EngineError: it is not installed, or is broken.
    """
    try:
        return importlib.import_module(runtime.value)
    except Exception as error:  # a missing library behind it is an ImportError, RuntimeError or OSError
        raise EngineError(
            f"engine.runtime = {runtime.value!r}: its package cannot be loaded ({error}); "
            "see docs/gpu.md for installing it"
        ) from error


def gpu_fingerprint(
    bundle: Bundle, runtime: Runtime, precision: Precision, device: DeviceInfo, max_batch: int
) -> Fingerprint:
    """What an engine must have been built for to run on this GPU: it is fastest at full batches.

    A plan of TensorRT is of one GPU and driver; TensorRT-RTX builds for a compute capability, ahead of time.

    Raises:
        EngineError: the runtime is not installed.
    """
    ahead = runtime is Runtime.TENSORRT_RTX
    return Fingerprint(
        bundle=bundle.id,
        runtime=runtime,
        runtime_version=load_package(runtime).__version__,
        precision=precision,
        device="" if ahead else device.name,
        compute_capability=device.compute_capability,
        driver="" if ahead else device.driver,
        opt_batch=max_batch,
        max_batch=max_batch,
    )


class TensorRTPlan(Plan):
    """A deserialised engine."""

    def __init__(self, bundle: Bundle, built: BuiltEngine) -> None:
        """Called within `CudaDriver.attached`.

        Raises:
            EngineError: the runtime does not take the plan, or it is not of the bundle's graph.
        """
        package = load_package(built.fingerprint.runtime)
        self._complaints = TensorRTLog(package)
        self._package = package
        self._runtime = package.Runtime(self._complaints.logger)
        self._engine = self._runtime.deserialize_cuda_engine(built.payload)
        if self._engine is None:
            raise EngineError(f"{built.fingerprint.runtime} refuses {built.path}: {self._complaints}")
        self._check(bundle, built)
        tile = bundle.manifest.tile
        self._tile_shape = (tile.size, tile.size, 3)
        self._centroids_shape = bundle.centroids.shape
        self.max_batch = self._engine.get_tensor_profile_shape(TILES, 0)[2][0]
        self.map_shape = tuple(self._engine.get_tensor_shape(DISTANCE))[1:]
        self.captures_itself = built.fingerprint.runtime is Runtime.TENSORRT_RTX
        self.scratch_bytes = self._engine.device_memory_size_v2

    def context(self, scratch: DeviceMemory) -> PlanContext:
        """See `Plan.context`."""
        context = self._engine.create_execution_context(self._context_configuration())
        if context is None:
            raise EngineError(f"{self._package.__name__} makes no execution context: {self._complaints}")
        context.set_device_memory(scratch.address, scratch.size)
        return _Context(context, self._tile_shape, self._centroids_shape, self._complaints)

    def close(self) -> None:
        """See `Plan.close`."""
        del self._engine, self._runtime

    def _context_configuration(self) -> Any:
        strategy = self._package.ExecutionContextAllocationStrategy.USER_MANAGED
        if not self.captures_itself:
            return strategy
        # TensorRT-RTX specialises kernels for each shape while it runs, and knows itself when a graph is worth making.
        configuration = self._engine.create_runtime_config()
        configuration.set_execution_context_allocation_strategy(strategy)
        configuration.cuda_graph_strategy = self._package.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        return configuration

    def _check(self, bundle: Bundle, built: BuiltEngine) -> None:
        wanted, engine = interface(bundle), self._engine
        names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
        if names != set(wanted):
            raise EngineError(f"{built.path}: its tensors are {sorted(names)}; wanted {sorted(wanted)}")
        for name, (kind, shape) in wanted.items():
            found = engine.get_tensor_dtype(name).name, tuple(engine.get_tensor_shape(name))
            # How large the maps are is for the golden check to say, which knows what they should be like.
            if found[0] != kind or (name != DISTANCE and not _fits(found[1], shape)):
                raise EngineError(f"{built.path}: tensor {name} is {found[0]} {found[1]}; wanted {kind} {shape}")


class _Context(PlanContext):
    def __init__(
        self, context: Any, tile_shape: tuple[int, ...], centroids_shape: tuple[int, ...], complaints: TensorRTLog
    ) -> None:
        self._context = context
        self._tile_shape = tile_shape
        self._complaints = complaints
        self._demand(context.set_input_shape(CENTROIDS, centroids_shape), f"{centroids_shape[0]} centroids")

    def bind(self, name: str, memory: DeviceMemory) -> None:
        self._demand(self._context.set_tensor_address(name, memory.address), f"binding {name}")

    def set_batch(self, count: int) -> None:
        self._demand(self._context.set_input_shape(TILES, (count, *self._tile_shape)), f"a batch of {count} tiles")

    def enqueue(self, stream: Stream) -> None:
        self._demand(self._context.execute_async_v3(stream.handle), "running a batch")

    def close(self) -> None:
        del self._context

    def _demand(self, accepted: bool, what: str) -> None:
        if not accepted:
            raise EngineError(f"TensorRT refuses {what}: {self._complaints}")


def _fits(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is the wanted one; an axis of the plan may be dynamic, -1, where a number is wanted."""
    return len(found) == len(wanted) and all(a in {b, -1} for a, b in zip(found, wanted, strict=True))
