"""Building a plan with TensorRT or TensorRT-RTX, whose Python packages are alike but for their name.

TensorRT times kernels on the GPU at hand. TensorRT-RTX needs no GPU: it builds ahead of time for a compute capability.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.builds import Fingerprint, Precision, Runtime
from engines.bundle import Bundle
from engines.errors import BuildError
from engines.plan import CENTROIDS, TILES
from engines.tensorrt_network import Layer, Network, check_interface, layers, parse

Progress = Callable[[str, int, int], None]
"""Told the phase, the step within it that is done, and how many there are; called from threads of the builder's."""


@dataclass(frozen=True)
class BuiltPlan:
    """What the builder made."""

    plan: bytes = field(repr=False)
    layers: Sequence[Layer] = field(repr=False)
    """Of the network, before it was optimised."""
    seconds: float
    timing_cache: bytes | None = field(default=None, repr=False)
    """What the builder has learned of this GPU's kernels, for the next build on it; None where nothing is timed."""


def build_plan(
    package: Any, bundle: Bundle, model: bytes, fingerprint: Fingerprint, *, timing_cache: bytes, progress: Progress
) -> BuiltPlan:
    """Build a graph for a GPU.

    Args:
        package: `tensorrt` or `tensorrt_rtx`.
        bundle: what the graph belongs to.
        model: the ONNX graph, in the types that it is to run in.
        fingerprint: runtime, precision, batches and GPU.
        timing_cache: of an earlier build on this GPU, or empty.
        progress: see `Progress`.

    Raises:
        BuildError: the graph is not taken, is not the bundle's, or the builder fails; the message holds its reason.
    """
    begun = time.monotonic()
    network = parse(package, model)
    check_interface(network, bundle)
    config = _configuration(package, network, bundle, fingerprint)
    monitor = _monitor(package, progress)  # must outlive the build
    config.progress_monitor = monitor
    # TensorRT-RTX times nothing, and asks for a GPU if it is given timings (its documentation, Timing Cache Migration).
    timings = use_timings(config, timing_cache) if fingerprint.runtime is Runtime.TENSORRT else None
    plan = network.builder.build_serialized_network(network.definition, config)
    if plan is None:
        raise BuildError(f"{package.__name__} {package.__version__} cannot build the network: {network.log}")
    return BuiltPlan(
        plan=bytes(plan),
        layers=layers(network),
        seconds=time.monotonic() - begun,
        timing_cache=None if timings is None else bytes(timings.serialize()),
    )


def use_timings(config: Any, earlier: bytes) -> Any:
    """Let a build use earlier timings, and keep its own with them. TensorRT itself refuses those of another version or
    GPU; then it begins anew.
    """
    timings = config.create_timing_cache(earlier)
    if not config.set_timing_cache(timings, ignore_mismatch=False):
        timings = config.create_timing_cache(b"")
        config.set_timing_cache(timings, ignore_mismatch=False)
    return timings


def targets(package: Any) -> list[str]:
    """Compute capabilities that TensorRT-RTX builds for ahead of time, as `8.6`."""
    names = package.ComputeCapability.__members__
    return [f"{name[2:-1]}.{name[-1]}" for name in names if name.startswith("SM")]


def _configuration(package: Any, network: Network, bundle: Bundle, fingerprint: Fingerprint) -> Any:
    config = network.builder.create_builder_config()
    config.add_optimization_profile(_profile(network, bundle, fingerprint))
    config.profiling_verbosity = package.ProfilingVerbosity.DETAILED
    if fingerprint.precision is Precision.FP32:
        # Otherwise its products round to 10 bits, which golden tiles expected of float32 would not forgive.
        config.clear_flag(package.BuilderFlag.TF32)
    if fingerprint.runtime is Runtime.TENSORRT_RTX:
        _set_target(package, config, fingerprint.compute_capability)
    return config


def _set_target(package: Any, config: Any, compute_capability: str) -> None:
    if compute_capability not in targets(package):
        raise BuildError(
            f"{package.__name__} {package.__version__} builds for compute capabilities {', '.join(targets(package))}, "
            f"not for {compute_capability}"
        )
    config.num_compute_capabilities = 1
    wanted = getattr(package.ComputeCapability, f"SM{compute_capability.replace('.', '')}")
    if not config.set_compute_capability(wanted, 0):
        raise BuildError(f"{package.__name__} does not take {compute_capability} as its target")


def _profile(network: Network, bundle: Bundle, fingerprint: Fingerprint) -> Any:
    """Batches from the smallest to the largest; as many centroids as the bundle has."""
    profile = network.builder.create_optimization_profile()
    size = bundle.manifest.tile.size
    batches = fingerprint.min_batch, fingerprint.opt_batch, fingerprint.max_batch
    profile.set_shape(TILES, *((batch, size, size, 3) for batch in batches))
    profile.set_shape(CENTROIDS, *(bundle.centroids.shape,) * 3)
    return profile


def _monitor(package: Any, progress: Progress) -> Any:
    class Monitor(package.IProgressMonitor):  # type: ignore[misc]  # its base is only known now
        def __init__(self) -> None:
            package.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, _parent: str | None, steps: int) -> None:
            self._steps[phase] = steps
            progress(phase, 0, steps)

        def phase_finish(self, phase: str) -> None:
            self._steps.pop(phase, None)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, step + 1, self._steps.get(phase, step + 1))
            return True

    return Monitor()
