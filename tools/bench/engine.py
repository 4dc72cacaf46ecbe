"""ONNX Runtime against torch in eager mode, on tiles of the same size, with the same threads and batches."""

from __future__ import annotations

from functools import partial

from engines.bundle import Bundle
from tools.bench.process import measured_rate
from tools.bench.rounds import Comparison, compare

SLOTS = 2


def compare_engine(bundle: Bundle, *, threads: int, batch: int, seconds: float, rounds: int, layout: str) -> Comparison:
    """Tiles per second of the bundle's whole graph in ONNX Runtime, and of its backbone alone in torch."""
    manifest = bundle.manifest
    torch_arguments = (manifest.backbone.name, manifest.tile.size, threads, batch, seconds, layout)
    return compare(
        (
            "ONNX Runtime",
            partial(measured_rate, "tools.bench.engine_alone", bundle.path, threads, batch, SLOTS, seconds),
        ),
        (f"torch eager, {layout}", partial(measured_rate, "tools.bench.torch_alone", *torch_arguments)),
        rounds,
    )
