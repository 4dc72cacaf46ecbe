"""From settings to the engine: which runtime runs the bundle, and where its built engine comes from."""

from __future__ import annotations

from functools import partial

import structlog

from engines.base import Engine
from engines.builds import BuildCache, Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import CudaDriver
from engines.cuda.opening import open_driver
from engines.plan import Plan, PlanLoader
from engines.tensorrt import TensorRTEngine
from engines.tensorrt_plan import TensorRTPlan, gpu_fingerprint
from inspectd.settings import EngineSettings

CPU_SLOTS = 2
"""One batch is cut while the other runs."""
GPU_SLOTS = 3
"""One batch goes up, one runs, one comes down."""

log = structlog.get_logger(__name__)


class CachedPlans(PlanLoader):
    """Finds the plan in the cache of built engines."""

    def __init__(self, bundle: Bundle, settings: EngineSettings) -> None:
        self._bundle = bundle
        self._settings = settings
        self._cache = BuildCache(settings.cache)

    def load(self, driver: CudaDriver) -> Plan:
        """See `PlanLoader.load`."""
        settings = self._settings
        wanted = gpu_fingerprint(
            self._bundle, settings.runtime, precision_of(settings), driver.info, settings.max_batch
        )
        return TensorRTPlan(self._bundle, self._cache.open(wanted))


def make_engine(bundle: Bundle, settings: EngineSettings) -> Engine:
    """The engine that the settings ask for, not yet active.

    Raises:
        BuildError: it must have been built for this PC, and is not or is damaged.
    """
    if settings.runtime is Runtime.ONNX:
        return _on_the_cpu(bundle, settings)
    return _on_the_gpu(bundle, settings)


def precision_of(settings: EngineSettings) -> Precision:
    """The precision that the settings ask for."""
    if settings.precision != "auto":
        return Precision(settings.precision)
    return Precision.FP32 if settings.runtime is Runtime.ONNX else Precision.FP16


def _on_the_cpu(bundle: Bundle, settings: EngineSettings) -> Engine:
    from engines.onnx import OnnxEngine  # noqa: PLC0415 - a runtime is loaded only where it is used
    from engines.onnx_int8 import INT8_TOLERANCE, as_int8, int8_fingerprint  # noqa: PLC0415 - likewise

    slots = settings.slots or CPU_SLOTS
    if precision_of(settings) is Precision.FP32:
        return OnnxEngine(bundle, threads=settings.threads, max_batch=settings.max_batch, slots=slots)
    built = BuildCache(settings.cache).open(int8_fingerprint(bundle))
    return OnnxEngine(
        as_int8(bundle, built),
        threads=settings.threads,
        max_batch=settings.max_batch,
        slots=slots,
        tolerance=INT8_TOLERANCE,
    )


def _on_the_gpu(bundle: Bundle, settings: EngineSettings) -> Engine:
    return TensorRTEngine(
        bundle,
        partial(open_driver, settings.cuda, settings.device),
        CachedPlans(bundle, settings),
        precision=precision_of(settings),
        max_batch=settings.max_batch,
        slots=settings.slots or GPU_SLOTS,
        tell=partial(log.warning, "the engine is slower than it could be"),
    )
