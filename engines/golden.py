"""The golden check: a runtime may judge only after it has reproduced what training saw on the bundle's own tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import BatchResult, Engine
from engines.bundle import Bundle, GoldenTiles
from engines.errors import GoldenError

FP32_TOLERANCE = 1e-3
"""Largest relative error of an FP32 runtime. Other instruction sets reorder sums; runtimes seen so far stay below
1e-5, so a hundredfold of that still tells a wrong graph from rounding."""
FP16_TOLERANCE = 2e-2
"""Largest error of an FP16 runtime, as a share of the expected value or of the bundle's threshold, whichever is larger.
Twice what a build may show on the CPU with every value rounded to half precision (`engines.precision.safety`): a GPU
sums in another order and in other widths than that."""
_LEAST = 1e-6
"""Expected values are taken for no smaller: a golden tile made of centroids has distance 0."""


@dataclass(frozen=True)
class Comparison:
    """How far a runtime's scores lie from the expected ones. True where they agree."""

    relative_error: NDArray[np.float64]
    """Of each golden tile, the larger of its score's and its map's largest value's."""
    tolerance: float

    def __bool__(self) -> bool:
        return bool(np.all(self.relative_error <= self.tolerance))

    @property
    def max(self) -> float:
        """Largest relative error."""
        return float(self.relative_error.max())

    @property
    def mean(self) -> float:
        """Mean relative error."""
        return float(self.relative_error.mean())

    def __str__(self) -> str:
        verdict = "agree" if self else "differ"
        return (
            f"{self.relative_error.size} golden tiles {verdict}: relative error max {self.max:.2e}, "
            f"mean {self.mean:.2e}, allowed {self.tolerance:.0e}"
        )


def compare(golden: GoldenTiles, result: BatchResult, tolerance: float, floor: float = _LEAST) -> Comparison:
    """Hold a result on the golden tiles against the expected scores; errors are relative to no less than `floor`."""
    score = _relative(result.score, golden.score, floor)
    peak = _relative(result.distance.max(axis=(1, 2)), golden.distance_max, floor)
    error = np.maximum(score, peak)
    return Comparison(np.where(np.isfinite(error), error, np.inf), tolerance)


def check_golden(engine: Engine, bundle: Bundle, tolerance: float, floor: float = _LEAST) -> Comparison:
    """Run the golden tiles through an engine, in batches it takes, and refuse it where it says something else.

    `floor` as in `compare`.

    Raises:
        GoldenError: its maps have another shape than the manifest says, or its scores differ.
        EngineError: it failed.
    """
    golden, side = bundle.golden, bundle.manifest.tile.size // bundle.manifest.tile.cell
    results = [
        engine.infer(np.ascontiguousarray(golden.tiles[start : start + engine.max_batch]))
        for start in range(0, len(golden.tiles), engine.max_batch)
    ]
    distance = np.concatenate([result.distance for result in results])
    if distance.shape != (len(golden.tiles), side, side):
        rows, columns = distance.shape[1:]
        raise GoldenError(
            f"bundle {bundle.path.name}: its graph makes maps of {rows}×{columns} cells, "
            f"its manifest says {side}×{side}"
        )
    score = np.concatenate([result.score for result in results])
    comparison = compare(golden, BatchResult(distance, score), tolerance, floor)
    if not comparison:
        raise GoldenError(f"bundle {bundle.path.name}: {comparison}; this engine may not judge with it")
    return comparison


def _relative(actual: NDArray[np.float32], expected: NDArray[np.float32], floor: float) -> NDArray[np.float64]:
    wanted = expected.astype(np.float64)
    scale = np.maximum(np.abs(wanted), floor)
    error: NDArray[np.float64] = np.abs(actual.astype(np.float64) - wanted) / scale
    return error
