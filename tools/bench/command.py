"""`inspectd-train bench`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engines.bundle import open_bundle
from tools.bench.rounds import Comparison

app = typer.Typer(help="Measure, always as a ratio of two things in one run.", no_args_is_help=True)

BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Directory of a bundle.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of either candidate.")]
Seconds = Annotated[float, typer.Option(min=0.5, help="Length of one measurement, s, without its warm-up.")]
Rounds = Annotated[int, typer.Option(min=1, help="Measurements of either candidate, in turn.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")]

CORES = len(os.sched_getaffinity(0))


@app.command()
def engine(
    bundle: BundleArgument,
    threads: Threads = CORES,
    batch: Annotated[int, typer.Option(min=1, help="Tiles in a batch.")] = 8,
    seconds: Seconds = 5.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """ONNX Runtime against torch in eager mode, in torch's default layout and in its faster one."""
    from tools.bench.engine import compare_engine  # noqa: PLC0415 - help must not wait for it

    opened = open_bundle(bundle)
    results = [
        compare_engine(opened, threads=threads, batch=batch, seconds=seconds, rounds=rounds, layout=layout)
        for layout in ("contiguous", "channels_last")
    ]
    what = f"{opened.manifest.backbone.name}, {opened.manifest.tile.size} px, batch {batch}, {threads} threads"
    _show(what, results, json_file)


@app.command()
def pipeline(
    bundle: BundleArgument,
    threads: Threads = CORES,
    width: Annotated[int, typer.Option(min=1, help="Of a frame, px.")] = 928,
    height: Annotated[int, typer.Option(min=1, help="Of a frame, px.")] = 480,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras that deliver as fast as frames are taken.")] = 1,
    seconds: Seconds = 10.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """The whole daemon against its engine alone: what does everything around the engine cost?"""
    from tools.bench.pipeline import Load, compare_pipeline  # noqa: PLC0415 - help must not wait for it

    load = Load(open_bundle(bundle), threads, width, height, cameras, seconds)
    comparison = compare_pipeline(load, rounds)
    what = f"{cameras} camera(s) of {width}×{height} px, {load.tiles_per_frame} tiles a frame, {threads} threads"
    _show(what, [comparison], json_file)


def _show(what: str, comparisons: list[Comparison], json_file: Path | None) -> None:
    table = Table(title=what)
    for heading in ("candidate", "tiles/s", "against", "tiles/s", "ratio", "rounds' range"):
        table.add_column(heading, justify="left" if heading in {"candidate", "against"} else "right")
    for comparison in comparisons:
        first, second = comparison.medians()
        low, high = comparison.spread
        ratio, spread = f"{comparison.ratio:.3f}", f"{low:.3f}…{high:.3f}"
        table.add_row(comparison.first, f"{first:.1f}", comparison.second, f"{second:.1f}", ratio, spread)
    Console().print(table)
    if json_file is not None:
        document = {"what": what, "comparisons": [comparison.as_json() for comparison in comparisons]}
        json_file.write_text(json.dumps(document, indent=1) + "\n")
