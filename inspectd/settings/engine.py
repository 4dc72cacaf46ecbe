"""What judges, and what runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from engines.builds import Runtime
from engines.cuda.opening import CudaPackage
from inspectd.settings.section import Positive, Section


class ModelSettings(Section):
    """What judges: `bundle` or `registry` must be set, and not both."""

    bundle: Path | None = None
    """Directory of the bundle, as `inspectd-train fit` printed it. It judges as long as the configuration names it."""
    registry: Path | None = None
    """Directory of models, of which `inspectd models` makes one judge, also while the line runs."""
    threshold_least: float = Field(default=0.5, gt=0, le=1)
    """The least that a threshold may be moved to, as a share of the bundle's own; for `registry`."""
    threshold_most: float = Field(default=2.0, ge=1, le=100)
    """The most that a threshold may be moved to, as a multiple of the bundle's own; for `registry`."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.bundle is None) == (self.registry is None):
            told = "neither is" if self.bundle is None else "both are"
            raise ValueError(f"set either 'bundle' or 'registry'; {told} set")
        return self


class EngineSettings(Section):
    """What runs the model."""

    runtime: Runtime = Runtime.ONNX
    """`onnx`: ONNX Runtime on the CPU. `tensorrt`, `tensorrt_rtx`: an NVIDIA GPU, with an engine that
    `inspectd-train build` has built for it."""
    precision: Literal["auto", "fp32", "fp16", "int8"] = "auto"
    """`auto`: `fp32` on the CPU, `fp16` on a GPU. A CPU runs `fp32` and `int8`, a GPU `fp32` and `fp16`."""
    cache: Path = Path("/var/cache/inspectd")
    """Directory of the built engines. Only who may change the daemon itself should be able to write there."""
    cuda: CudaPackage = CudaPackage.CUDA_CORE
    """Package that calls the GPU: `cuda-core`, or `pycuda` where that is installed already; it has no CUDA graphs."""
    device: int = Field(default=0, ge=0, le=63)
    """Number of the GPU, as CUDA counts them."""
    threads: int = Field(default=0, ge=0, le=256)
    """Threads of the engine; 0 takes one for each core the daemon may use."""
    max_batch: int = Field(default=8, ge=1, le=256)
    """Most tiles the engine is given at a time; batches are filled across frames and cameras."""
    slots: int = Field(default=0, ge=0, le=16)
    """Most batches in flight; 0 takes two on the CPU, where the next is cut while the first runs, and three on a GPU,
    where one goes up, one runs and one comes down."""
    timeout_s: Positive = 30.0
    """An engine that has not answered a batch for this long is taken for dead, and the daemon leaves."""

    @field_validator("precision")
    @classmethod
    def _runtime_has_the_precision(cls, precision: str, info: ValidationInfo) -> str:
        runtime = info.data.get("runtime", Runtime.ONNX)
        missing = "fp16" if runtime is Runtime.ONNX else "int8"
        if precision == missing:
            raise ValueError(f"engine.runtime = '{runtime}' does not run it; leave it 'auto'")
        return precision
