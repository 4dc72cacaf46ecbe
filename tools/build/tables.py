"""What a build made, on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table

from engines.builds import BuiltEngine
from engines.precision.safety import HALF_MAX
from tools.build.proof import Proof
from tools.build.tensorrt import Outcome

_SHOWN_LAYERS = 5


def as_table(outcome: Outcome) -> Group:
    """The engines, and how half precision does on this bundle."""
    return Group(_engines(outcome.built), *(_proof(outcome.proof) if outcome.proof else ()))


def as_json(outcome: Outcome) -> str:
    """The same, with every layer."""
    document = {
        "engines": [
            {
                "path": str(built.path),
                "fingerprint": built.fingerprint.model_dump(mode="json"),
                **built.report,
            }
            for built in outcome.built
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _engines(built: list[BuiltEngine]) -> Table:
    table = Table(title="built engines")
    for heading in ("for", "precision", "batches", "layers", "MB", "s"):
        table.add_column(heading, justify="right" if heading in {"layers", "MB", "s"} else "left")
    for engine in built:
        fingerprint, report = engine.fingerprint, engine.report
        table.add_row(
            fingerprint.device or f"compute capability {fingerprint.compute_capability}",
            str(fingerprint.precision),
            f"{fingerprint.min_batch} to {fingerprint.max_batch}",
            str(len(report["layers"])),
            f"{report['bytes'] / 1e6:.1f}",
            f"{report['seconds']:.1f}",
        )
    return table


def _proof(proof: Proof) -> Iterator[RenderableType]:
    yield f"half precision against float32 on golden tiles: {proof.golden}"
    if proof.pictures is not None:
        yield f"on pictures: {proof.pictures}"
    table = Table(title=f"largest values, of {HALF_MAX:.0f} that half precision holds")
    table.add_column("layer")
    table.add_column("largest", justify="right")
    table.add_column("room", justify="right")
    for layer, peak in sorted(proof.largest.items(), key=lambda entry: -entry[1])[:_SHOWN_LAYERS]:
        table.add_row(layer, f"{peak:.4g}", f"{HALF_MAX / peak:.0f}×" if peak else "")
    yield table
