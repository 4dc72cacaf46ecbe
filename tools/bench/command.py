"""`inspectd-train bench`."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from engines.builds import DEFAULT_CACHE, Runtime
from engines.bundle import Bundle, open_bundle
from inspectd.settings import EngineSettings
from tools.bench.rounds import Comparison
from tools.json_file import write_json

if TYPE_CHECKING:  # help must not wait for it
    from tools.bench.latency import Latency
    from tools.bench.shadow import Cost

app = typer.Typer(help="Measure, always as a ratio of two things in one run.", no_args_is_help=True)

BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Directory of a bundle.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of either candidate.")]
Seconds = Annotated[float, typer.Option(min=0.5, help="Length of one measurement, s, without its warm-up.")]
Rounds = Annotated[int, typer.Option(min=1, help="Measurements of either candidate, in turn.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")]

FrameSide = Annotated[int, typer.Option(min=1, help="Of a frame, px.")]
Batch = Annotated[int, typer.Option(min=1, max=256, help="Tiles in a batch.")]
Cache = Annotated[Path, typer.Option(metavar="DIR", help="Where built engines are kept.")]

CORES = len(os.sched_getaffinity(0))


@app.command(epilog="Example: inspectd-train bench engine bundles/brick-0123456789abcdef --threads 1")
def engine(
    bundle: BundleArgument,
    runtime: Annotated[
        Runtime,
        typer.Option(
            metavar="RUNTIME",
            help=f"What runs it: {', '.join(Runtime)}. A GPU's engine must have been built.",
        ),
    ] = Runtime.ONNX,
    precision: Annotated[str, typer.Option(help="auto, fp32, fp16 or int8, as in engine.precision.")] = "auto",
    cache: Cache = DEFAULT_CACHE,
    device: Annotated[int, typer.Option(min=0, help="Number of the GPU, as CUDA counts.")] = 0,
    threads: Threads = CORES,
    batch: Batch = 8,
    seconds: Seconds = 5.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """An engine against torch in eager mode on the CPU, in torch's default layout and in its faster one; where a
    batch's time goes, and how much is computed in it."""
    from tools.bench.engine import compare_with_torch  # noqa: PLC0415 - help must not wait for it
    from tools.bench.profiling import profile  # noqa: PLC0415 - likewise

    opened = open_bundle(bundle)
    settings = _settings(
        runtime=runtime, precision=precision, cache=cache, device=device, threads=threads, max_batch=batch
    )
    results = [
        compare_with_torch(opened, settings, seconds=seconds, rounds=rounds, layout=layout)
        for layout in ("contiguous", "channels_last")
    ]
    profiled = profile(opened, settings, results[0].medians()[0], seconds)
    _show(_described(opened, settings), results, json_file, more={"profile": profiled.as_json()})
    for line in profiled.lines():
        typer.echo(line)


@app.command(epilog="Example: inspectd-train bench precision bundles/brick-0123456789abcdef --lower int8 --threads 1")
def precision(
    bundle: BundleArgument,
    runtime: Annotated[Runtime, typer.Option(help="What runs both.")] = Runtime.ONNX,
    lower: Annotated[str, typer.Option(help="int8 or fp16; it must have been built.")] = "int8",
    cache: Cache = DEFAULT_CACHE,
    threads: Threads = CORES,
    batch: Batch = 8,
    seconds: Seconds = 5.0,
    rounds: Rounds = 5,
    json_file: Json = None,
) -> None:
    """A lower precision against float32, both in the same runtime."""
    from tools.bench.engine import compare_engines  # noqa: PLC0415 - help must not wait for it

    opened = open_bundle(bundle)
    first, second = (
        _settings(runtime=runtime, precision=each, cache=cache, threads=threads, max_batch=batch)
        for each in (lower, "fp32")
    )
    comparison = compare_engines(opened, first, second, seconds=seconds, rounds=rounds)
    _show(_described(opened, first), [comparison], json_file)


@app.command(epilog="Example: inspectd-train bench flops bundles/brick-0123456789abcdef")
def flops(bundle: BundleArgument, json_file: Json = None) -> None:
    """How much a bundle's graph computes for one tile, and whether anything of it is computed in vain."""
    import onnx  # noqa: PLC0415 - help must not wait for it

    from tools.bench.flops import count, unused  # noqa: PLC0415 - likewise

    opened = open_bundle(bundle)
    model = onnx.load_from_string(opened.model)
    cost, idle = count(model, len(opened.centroids)), unused(model.graph)
    table = Table(title=f"{opened.manifest.backbone.name}, a tile of {opened.manifest.tile.size} px")
    for heading in ("operator", "nodes", "million multiply-adds"):
        table.add_column(heading, justify="left" if heading == "operator" else "right")
    for operator, multiply_adds in cost.by_operator().items():
        nodes = sum(layer.operator == operator for layer in cost.layers)
        table.add_row(operator, str(nodes), f"{multiply_adds / 1e6:.1f}")
    Console().print(table)
    typer.echo(f"{cost.flops / 1e9:.3f} GFLOP a tile; {len(idle)} nodes and weights that no output depends on")
    if json_file is not None:
        document = {"flops": cost.flops, "multiply_adds": dict(cost.by_operator()), "unused": idle}
        write_json(json_file, json.dumps(document, indent=1) + "\n")


@app.command(epilog="Example: inspectd-train bench pipeline bundles/brick-0123456789abcdef --cameras 2")
def pipeline(
    bundle: BundleArgument,
    threads: Threads = CORES,
    width: FrameSide = 928,
    height: FrameSide = 480,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras that deliver as fast as frames are taken.")] = 1,
    seconds: Seconds = 10.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """The whole daemon against its engine alone: what does everything around the engine cost?"""
    from tools.bench.line import Load  # noqa: PLC0415 - help must not wait for it
    from tools.bench.pipeline import compare_pipeline  # noqa: PLC0415 - likewise

    load = Load(open_bundle(bundle), threads, width, height, cameras, seconds)
    comparison = compare_pipeline(load, rounds)
    what = f"{cameras} camera(s) of {width}×{height} px, {load.tiles_per_frame} tiles a frame, {threads} threads"
    _show(what, [comparison], json_file)


@app.command(epilog="Example: inspectd-train bench frames bundles/brick-0123456789abcdef --cameras 4")
def frames(
    bundle: BundleArgument,
    width: FrameSide = 2448,
    height: FrameSide = 2048,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras, each a process.")] = 4,
    seconds: Seconds = 5.0,
    rounds: Rounds = 5,
    json_file: Json = None,
) -> None:
    """The way of the frames, from capture processes to an engine that does nothing, against a plain memory copy."""
    from tools.bench.frames import compare_frames  # noqa: PLC0415 - help must not wait for it
    from tools.bench.line import Load  # noqa: PLC0415 - likewise

    load = Load(open_bundle(bundle), CORES, width, height, cameras, seconds)
    what = f"{cameras} camera(s) of {width}×{height} px, 8 bits grey, no engine"
    _show(what, [compare_frames(load, rounds)], json_file, unit="MB/s", scale=1e-6)


@app.command(epilog="Example: inspectd-train bench latency bundles/brick-0123456789abcdef --share 0.7")
def latency(
    bundle: BundleArgument,
    threads: Threads = CORES,
    width: FrameSide = 480,
    height: FrameSide = 256,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras, each a process.")] = 4,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Part of the time that the engine is busy.")] = 0.7,
    seconds: Seconds = 20.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """From a frame that is ready to its verdict at a subscriber, against a full batch in the engine alone."""
    from tools.bench.latency import measure_latency  # noqa: PLC0415 - help must not wait for it
    from tools.bench.line import Load  # noqa: PLC0415 - likewise

    load = Load(open_bundle(bundle), threads, width, height, cameras, seconds)
    what = f"{cameras} camera(s) of {width}×{height} px, {load.tiles_per_frame} tiles a frame, load {share:.0%}"
    _show_latency(what, [measure_latency(load, share) for _ in range(rounds)], json_file)


@app.command(epilog="Example: inspectd-train bench view bundles/brick-0123456789abcdef --cameras 4")
def view(
    bundle: BundleArgument,
    threads: Threads = CORES,
    width: FrameSide = 928,
    height: FrameSide = 480,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras, each a process.")] = 4,
    seconds: Seconds = 6.0,
    rounds: Rounds = 8,
    json_file: Json = None,
) -> None:
    """A line with the live view open on the same PC against the line alone, as fast as frames are taken."""
    from tools.bench.line import Load  # noqa: PLC0415 - help must not wait for it
    from tools.bench.view import measure_view  # noqa: PLC0415 - likewise

    load = Load(open_bundle(bundle), threads, width, height, cameras, seconds)
    measured = measure_view(load, rounds)
    got = measured.page
    what = f"{cameras} camera(s) of {width}×{height} px, {load.tiles_per_frame} tiles a frame, {threads} threads"
    _show(what, list(measured.comparisons), json_file, unit="per s")
    typer.echo(
        f"the page got {got.updates} updates, {got.pictures} pictures and {got.maps} maps, "
        f"of which it was measured for {measured.watched_s:g} s"
    )


@app.command(epilog="Example: inspectd-train bench journal --folder /var/lib/inspectd")
def journal(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="On the disk that is measured.")] = Path(),
    verdicts: Annotated[int, typer.Option(min=100, help="Published in a burst, and replayed.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of the part at 100 frames a second.")] = 10.0,
    rounds: Rounds = 3,
    json_file: Json = None,
) -> None:
    """What it costs to make verdicts durable and to publish them, against a frame's time, what of that the disk's sync
    takes, and how fast a client that was away has them all."""
    from tools.bench.journal import FRAMES_PER_S, measure_journal  # noqa: PLC0415 - help must not wait for it

    measured = [measure_journal(folder, verdicts, seconds) for _ in range(rounds)]
    table = Table(title=f"{verdicts} verdicts, then {FRAMES_PER_S} a second; all replayed")
    paced = f"ms at {FRAMES_PER_S}/s", "of a frame", "commit, ms", "bare sync, ms"
    for heading in ("durable/s", "ms each", *paced, "replay, s"):
        table.add_column(heading, justify="right")
    for one in measured:
        told = one.journaling
        cpu = f"{1000 * told.burst_cpu_s:.3f}", f"{1000 * told.paced_cpu_s:.3f}", f"{one.frame_share:.2%}"
        parts = f"{1000 * told.commit_cpu_s:.3f}", f"{1000 * told.bare_cpu_s:.3f}"
        table.add_row(f"{told.burst_per_s:.0f}", *cpu, *parts, f"{one.replay_s:.1f}")
    Console().print(table)
    _write(json_file, f"{verdicts} verdicts", "rounds", [one.as_json() for one in measured])


@app.command(epilog="Example: inspectd-train bench shadow bundles/brick-0123456789abcdef --share 0.7")
def shadow(
    bundle: BundleArgument,
    threads: Threads = CORES,
    width: FrameSide = 480,
    height: FrameSide = 256,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras, each a process.")] = 4,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Part of the time that the engine is busy.")] = 0.7,
    deadline_ms: Annotated[float, typer.Option(min=1, help="Of a frame.")] = 1000.0,
    seconds: Seconds = 10.0,
    rounds: Rounds = 5,
    json_file: Json = None,
) -> None:
    """A line with a candidate in the shadow against the line alone: latency at part load, frames/s at full load."""
    from tools.bench.line import Load  # noqa: PLC0415 - help must not wait for it
    from tools.bench.shadow import measure_shadow  # noqa: PLC0415 - likewise

    load = Load(open_bundle(bundle), threads, width, height, cameras, seconds)
    what = f"{cameras} camera(s) of {width}×{height} px, {load.tiles_per_frame} tiles a frame, {threads} threads"
    part, full = (list(measure_shadow(load, each, deadline_ms, rounds)) for each in (share, None))
    _show_shadow(what, {f"load {share:.0%}": part, "all that it takes": full}, json_file)


def _show_shadow(what: str, measured: Mapping[str, Sequence[Cost]], json_file: Path | None) -> None:
    table = Table(title=f"{what}: with a candidate / alone")
    for heading in ("", "median, ms", "99 %, ms", "ratio", "frames/s", "ratio", "late", "candidate, frames/s"):
        table.add_column(heading, justify="right" if heading else "left")
    for load, costs in measured.items():
        for cost in costs:
            on, off = cost.shadowed, cost.alone
            table.add_row(
                load,
                f"{on.median_ms:.1f} / {off.median_ms:.1f}",
                f"{on.p99_ms:.1f} / {off.p99_ms:.1f}",
                f"{cost.p99:.2f}",
                f"{on.frames_hz:.1f} / {off.frames_hz:.1f}",
                f"{cost.rate:.3f}",
                f"{on.late} / {off.late}",
                f"{cost.compared_hz:.1f}",
            )
        p99, rate = (statistics.median(ratios) for ratios in zip(*((c.p99, c.rate) for c in costs), strict=True))
        table.add_row("median", "", "", f"{p99:.2f}", "", f"{rate:.3f}", "", "", end_section=True)
    Console().print(table)
    figures = [asdict(cost) | {"load": load} for load, costs in measured.items() for cost in costs]
    _write(json_file, what, "rounds", figures, None)


def _settings(**given: object) -> EngineSettings:
    try:
        return EngineSettings.model_validate(given)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _described(bundle: Bundle, settings: EngineSettings) -> str:
    manifest = bundle.manifest
    return (
        f"{manifest.backbone.name}, {manifest.tile.size} px, {manifest.centroids} centroids, "
        f"batch {settings.max_batch}, {settings.threads} threads"
    )


def _show(
    what: str,
    comparisons: list[Comparison],
    json_file: Path | None,
    unit: str = "tiles/s",
    scale: float = 1.0,
    more: Mapping[str, object] | None = None,
) -> None:
    table = Table(title=what)
    for heading in ("candidate", unit, "against", unit, "ratio", "rounds' range"):
        table.add_column(heading, justify="left" if heading in {"candidate", "against"} else "right")
    for comparison in comparisons:
        first, second = (scale * median for median in comparison.medians())
        low, high = comparison.spread
        ratio, spread = f"{comparison.ratio:.3f}", f"{low:.3f}…{high:.3f}"
        table.add_row(comparison.first, f"{first:.1f}", comparison.second, f"{second:.1f}", ratio, spread)
    Console().print(table)
    _write(json_file, what, "comparisons", [comparison.as_json() for comparison in comparisons], more)


def _show_latency(what: str, rounds: list[Latency], json_file: Path | None) -> None:
    table = Table(title=what)
    for heading in ("frames", "median, ms", "99 %, ms", "a batch, ms", "99 % / batch"):
        table.add_column(heading, justify="right")
    for one in rounds:
        row = f"{one.median_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.batch_ms:.1f}", f"{one.ratio:.2f}"
        table.add_row(str(one.frames), *row)
    Console().print(table)
    _write(json_file, what, "rounds", [asdict(one) | {"ratio": one.ratio} for one in rounds])


def _write(
    json_file: Path | None,
    what: str,
    key: str,
    figures: Sequence[Mapping[str, object]],
    more: Mapping[str, object] | None = None,
) -> None:
    if json_file is not None:
        write_json(json_file, json.dumps({"what": what, key: list(figures), **(more or {})}, indent=1) + "\n")
