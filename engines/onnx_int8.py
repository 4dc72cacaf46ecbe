"""INT8 builds for ONNX Runtime: how one is found in the cache of built engines, and what it must reproduce.

An INT8 graph does not reproduce the bundle's golden scores to float32's tolerance, and need not: while it is built it
is held against float32 on pictures. What has to be proven where it runs is that it is still the graph that was held
against them. So the build notes the scores that the INT8 graph itself gives the golden tiles, and those are what an
engine must reproduce.

One build serves every CPU: its integer sums are exact on each instruction set (`engines.precision.compensated`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.base import BatchResult
from engines.builds import BuiltEngine, Fingerprint, Precision, Runtime
from engines.bundle import Bundle, GoldenTiles
from engines.errors import BuildError

INT8_TOLERANCE: Final = 5e-3
"""Largest relative error against the build's own golden scores. Integer sums are the same on every CPU, so all that may
differ is what float32 leaves in its last digits. A CPU without VNNI, emulated, gave the very same scores, bit for bit;
with weights of 8 bits, whose sums saturate there, they were 2 to 7 % off."""
GOLDEN: Final = "golden"
"""Key of the golden scores in the build's report."""
_MOST_TILES = 256
"""A batch may hold any number of tiles; builds are not told apart by it."""


class _Golden(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    score: tuple[float, ...]
    distance_max: tuple[float, ...]


def int8_fingerprint(bundle: Bundle) -> Fingerprint:
    """What a build must have been made for to run here."""
    return Fingerprint(
        bundle=bundle.id,
        runtime=Runtime.ONNX,
        runtime_version=ort.__version__,
        precision=Precision.INT8,
        opt_batch=1,
        max_batch=_MOST_TILES,
    )


def golden_report(result: BatchResult) -> Mapping[str, Any]:
    """What the INT8 graph says of the golden tiles, for the build's report under `GOLDEN`."""
    return {"score": result.score.tolist(), "distance_max": result.distance.max(axis=(1, 2)).tolist()}


def as_int8(bundle: Bundle, built: BuiltEngine) -> Bundle:
    """The bundle as an INT8 engine runs it: its graph, and the golden scores that this graph must reproduce.

    Raises:
        BuildError: the build tells no golden scores, or others than one for each tile.
    """
    count = len(bundle.golden.tiles)
    try:
        golden = _Golden.model_validate(built.report.get(GOLDEN))
    except ValidationError as error:
        raise BuildError(f"{built.path}: report.json tells no golden scores; build it again") from error
    if not len(golden.score) == len(golden.distance_max) == count:
        raise BuildError(f"{built.path}: {len(golden.score)} golden scores for {count} tiles; build it again")
    expected = GoldenTiles(
        bundle.golden.tiles, np.asarray(golden.score, np.float32), np.asarray(golden.distance_max, np.float32)
    )
    return replace(bundle, model=built.payload, golden=expected)
