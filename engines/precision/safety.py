"""Is half precision safe for this bundle? Both precisions run on the CPU, on real tiles, and are held together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from engines.base import BatchResult
from engines.bundle import Bundle
from engines.errors import BuildError
from engines.golden import compare
from engines.precision.rounding import round_everywhere

HALF_MAX = float(np.finfo(np.float16).max)
"""65504; what is larger becomes infinite."""
TOLERANCE = 0.01
"""Largest difference that half precision may make to a score, as a share of the threshold or of the score, whichever is
larger. On seven surfaces (docs/decisions/018) it makes 0.0017 at most."""
_BATCH = 4
"""Tiles run together: the maps of a whole batch are in memory at once."""


class GraphRun:
    """A graph on the CPU, tile by tile or in batches of any size."""

    def __init__(self, model: bytes, centroids: NDArray[np.float32], *, threads: int, optimise: bool = True) -> None:
        """Raises BuildError where ONNX Runtime refuses the graph."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if not optimise:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._centroids = centroids
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises types of its own that share no base
            raise BuildError(f"ONNX Runtime refuses the graph: {error}") from error

    def __call__(self, tiles: NDArray[np.uint8]) -> BatchResult:
        """Run N×T×T×3 RGB tiles."""
        batches = [self._run(tiles[start : start + _BATCH]) for start in range(0, len(tiles), _BATCH)]
        return BatchResult(np.concatenate([b.distance for b in batches]), np.concatenate([b.score for b in batches]))

    def _run(self, tiles: NDArray[np.uint8]) -> BatchResult:
        distance, score = self._outputs(tiles, ["distance", "score"])
        return BatchResult(distance, score)

    def _outputs(self, tiles: NDArray[np.uint8], names: list[str]) -> list[NDArray[np.float32]]:
        feed = {"tiles": np.ascontiguousarray(tiles), "centroids": self._centroids}
        outputs: list[NDArray[np.float32]] = self._session.run(names, feed)
        return outputs


class HalfRun(GraphRun):
    """The graph in half precision, rounded as on a GPU; remembers the largest magnitude that each layer has shown."""

    largest: dict[str, float]
    """By layer."""

    def __init__(self, half: onnx.ModelProto, centroids: NDArray[np.float32], *, threads: int) -> None:
        rounded = round_everywhere(half)
        super().__init__(rounded.model, centroids, threads=threads, optimise=False)
        self._peaks = rounded.peaks
        self.largest = dict.fromkeys(rounded.peaks, 0.0)

    def _run(self, tiles: NDArray[np.uint8]) -> BatchResult:
        distance, score, *peaks = self._outputs(tiles, ["distance", "score", *self._peaks.values()])
        for layer, peak in zip(self._peaks, peaks, strict=True):
            self.largest[layer] = float(np.fmax(self.largest[layer], peak))
        return BatchResult(distance, score)

    def overflowing(self) -> list[str]:
        """Layers that have left the range of half precision, in the graph's order: the first is to blame."""
        return [layer for layer, peak in self.largest.items() if not peak <= HALF_MAX]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Scores in both precisions. True where every verdict is the same."""

    threshold: float
    full: NDArray[np.float32]
    half: NDArray[np.float32]

    def __bool__(self) -> bool:
        return not self.flipped.any()

    @property
    def flipped(self) -> NDArray[np.bool_]:
        """Of each, whether its verdict is another in half precision; so it is where that is not finite."""
        failed: NDArray[np.bool_] = self.full >= self.threshold
        flipped: NDArray[np.bool_] = (failed != (self.half >= self.threshold)) | ~np.isfinite(self.half)
        return flipped

    @property
    def error(self) -> NDArray[np.float64]:
        """Of each, the difference as a share of the threshold, or of the score where that is larger."""
        full, half = self.full.astype(np.float64), self.half.astype(np.float64)
        error: NDArray[np.float64] = np.abs(half - full) / np.maximum(full, self.threshold)
        return np.where(np.isfinite(error), error, np.inf)

    def __str__(self) -> str:
        equal = int((~self.flipped).sum())
        return (
            f"{equal} of {len(self.full)} verdicts equal, scores differ by {self.error.max():.2%} of the threshold "
            f"at most, {self.error.mean():.2%} on average"
        )

    def as_json(self) -> Mapping[str, float]:
        """For reports."""
        return {
            "count": len(self.full),
            "flipped": int(self.flipped.sum()),
            "error_max": float(self.error.max()),
            "error_mean": float(self.error.mean()),
        }


def check_half(bundle: Bundle, run: HalfRun) -> Agreement:
    """Hold half precision against the bundle's golden tiles, and refuse it where it is not safe.

    Raises:
        BuildError: a layer overflows, a golden tile's verdict is another, or its score or its map's largest value is
            off by more than `TOLERANCE`; the message tells which.
    """
    golden, threshold = bundle.golden, bundle.calibration.threshold
    result = run(golden.tiles)
    check_range(bundle, run)
    agreement = Agreement(threshold, golden.score, result.score)
    comparison = compare(golden, result, TOLERANCE, threshold)
    if agreement and comparison:
        return agreement
    worst = int(np.argmax(comparison.relative_error if agreement else agreement.flipped))
    raise BuildError(
        f"bundle {bundle.path.name}: half precision is not safe: {comparison}; golden tile {worst:02d} scores "
        f"{result.score[worst]:.4g}, in float32 {golden.score[worst]:.4g}, threshold {threshold:.4g}; "
        "build with --precision fp32"
    )


def check_range(bundle: Bundle, run: HalfRun) -> None:
    """Refuse a graph that has left the range of half precision.

    Raises:
        BuildError: naming the first layer that did.
    """
    overflowing = run.overflowing()
    if overflowing:
        raise BuildError(
            f"bundle {bundle.path.name}: half precision is not safe: {overflowing[0]} exceeds {HALF_MAX:.0f}, the "
            f"largest it holds, as do {len(overflowing) - 1} layers more; build with --precision fp32"
        )
