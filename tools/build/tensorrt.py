"""`inspectd-train build --runtime tensorrt` and `tensorrt_rtx`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console
from rich.status import Status

from engines.builds import BuildCache, BuiltEngine, Fingerprint, Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import DeviceInfo
from engines.cuda.opening import open_driver
from engines.errors import BuildError, EngineError
from engines.precision.graph import prepare
from engines.precision.half import to_half
from engines.tensorrt_build import BuiltPlan, build_plan
from engines.tensorrt_plan import gpu_fingerprint, load_package
from tools.build.options import BuildOptions, GpuOptions
from tools.build.proof import Proof, prove
from tools.build.timings import Timings


@dataclass(frozen=True)
class Outcome:
    """What the command made."""

    built: list[BuiltEngine]
    proof: Proof | None
    """None in float32, which needs none."""


@dataclass(frozen=True)
class _Order:
    """One bundle's graph, to be built for one GPU after the other."""

    console: Console
    package: Any
    bundle: Bundle
    model: bytes
    cache: BuildCache
    proof: Proof | None

    def build(self, fingerprint: Fingerprint) -> BuiltEngine:
        """Build for one GPU and keep it."""
        timings = Timings(self.cache.directory, fingerprint)
        what = f"building for {fingerprint.device or fingerprint.compute_capability}"
        with self.console.status(what) as status:
            plan = build_plan(
                self.package,
                self.bundle,
                self.model,
                fingerprint,
                timing_cache=timings.read(),
                progress=partial(_show_phase, status, what),
            )
        if plan.timing_cache is not None:
            timings.write(plan.timing_cache)
        return self.cache.write(fingerprint, plan.plan, _report(plan, self.proof))


def build_tensorrt(
    console: Console, bundle: Bundle, runtime: Runtime, options: BuildOptions, gpu: GpuOptions
) -> Outcome:
    """Build a bundle's engines, one for each target, and keep them in the cache. Half precision is proven first, also
    where they are built already.

    Raises:
        BuildError: half precision is not safe, the runtime does not take the graph, or the cache cannot be written.
        EngineError: the runtime or the GPU's driver is not installed, or there is no GPU and no target was named.
        PictureError: a picture cannot be used.
    """
    package = load_package(runtime)
    with _devices(runtime, gpu) as devices:
        graph, proof = prepare(bundle.model), None
        if options.precision is Precision.FP16:
            graph = to_half(graph)
            proof = prove(console, bundle, graph, options)
        cache = BuildCache(options.cache)
        order = _Order(console, package, bundle, graph.SerializeToString(), cache, proof)
        wanted = [gpu_fingerprint(bundle, runtime, options.precision, one, options.max_batch) for one in devices]
        present = {} if options.again else _present(cache, wanted)
        return Outcome([present.get(one) or order.build(one) for one in wanted], proof)


@contextmanager
def _devices(runtime: Runtime, gpu: GpuOptions) -> Iterator[list[DeviceInfo]]:
    """The GPUs to build for; within the block, this PC's may be used where it is the one."""
    if gpu.targets and runtime is Runtime.TENSORRT_RTX:
        yield [DeviceInfo(name="", compute_capability=target, driver="", memory_bytes=0) for target in gpu.targets]
        return
    if gpu.targets:
        raise BuildError("--target: tensorrt builds for the GPU of this PC alone; tensorrt_rtx builds ahead of time")
    try:
        driver = open_driver(gpu.cuda, gpu.device)
    except EngineError as error:
        ahead = "; name --target to build ahead of time" if runtime is Runtime.TENSORRT_RTX else ""
        raise EngineError(f"no GPU to build for: {error}{ahead}") from error
    try:
        with driver.attached():
            yield [driver.info]
    finally:
        driver.close()


def _present(cache: BuildCache, wanted: list[Fingerprint]) -> dict[Fingerprint, BuiltEngine]:
    """What is built already and whole; what is damaged is built again."""
    present = {}
    for fingerprint in wanted:
        try:
            present[fingerprint] = cache.open(fingerprint)
        except BuildError:
            continue
    return present


def _show_phase(status: Status, what: str, phase: str, done: int, steps: int) -> None:
    status.update(f"{what}: {phase} {done}/{steps}")


def _report(plan: BuiltPlan, proof: Proof | None) -> dict[str, Any]:
    return {
        "seconds": round(plan.seconds, 3),
        "bytes": len(plan.plan),
        "layers": [layer.as_json() for layer in plan.layers],
        "half_precision": None if proof is None else proof.as_json(),
    }
