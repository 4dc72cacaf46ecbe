"""What `inspectd-train build` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.builds import Precision
from engines.cuda.opening import CudaPackage


@dataclass(frozen=True)
class BuildOptions:
    """Options that every runtime's build knows."""

    precision: Precision
    max_batch: int
    """Most tiles in a batch."""
    cache: Path
    """Directory of built engines."""
    images: Path | None
    """Folder of pictures that the precision is proven on."""
    at_most: int | None
    """How many of them; all where None."""
    threads: int
    """Of the CPU; 0 takes one for each core."""
    again: bool
    """Build even where it is built already."""


@dataclass(frozen=True)
class GpuOptions:
    """Where an engine is to run."""

    targets: tuple[str, ...]
    """Compute capabilities to build for ahead of time; empty: for the GPU of this PC."""
    cuda: CudaPackage
    device: int
    """Number of this PC's GPU, as CUDA counts."""
