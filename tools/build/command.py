"""`inspectd-train build`."""

from __future__ import annotations

import json as json_format
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engines.builds import DEFAULT_CACHE, Precision, Runtime
from engines.bundle import Bundle, open_bundle
from engines.cuda.opening import CudaPackage
from tools.build.options import BuildOptions, GpuOptions
from tools.build.tables import as_json, as_table
from tools.build.tensorrt import build_tensorrt
from tools.json_file import write_json

_TARGETS = re.compile(r"\d{1,2}\.\d(,\d{1,2}\.\d)*")


def build(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Directory of a bundle.", show_default=False)],
    runtime: Annotated[
        Runtime,
        typer.Option(
            help="onnx: for any CPU, int8 alone, as float32 needs no build. tensorrt: for the NVIDIA GPU of this PC, "
            "whose kernels it times. tensorrt_rtx: for GeForce RTX and "
            "RTX PRO GPUs, of this PC or, ahead of time, of others.",
            show_default=False,
        ),
    ],
    precision: Annotated[
        Precision, typer.Option(help="Of weights and activations; distance and score are float32 in any case.")
    ] = Precision.FP16,
    max_batch: Annotated[
        int, typer.Option(min=1, max=256, help="Most tiles in a batch; as in the daemon's engine.max_batch.")
    ] = 8,
    cache: Annotated[
        Path, typer.Option(metavar="DIR", help="Where built engines are kept; as in the daemon's engine.cache.")
    ] = DEFAULT_CACHE,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures, good and defective, at any depth, that are judged in both precisions before half "
            "precision is built. The bundle's golden tiles always are. int8: good pictures, 8 or more, every second "
            "of which calibrates, while the others judge.",
        ),
    ] = None,
    defective: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="int8: defective pictures that are judged in both precisions; without them, defects are drawn on "
            "good ones.",
        ),
    ] = None,
    at_most: Annotated[int | None, typer.Option(min=1, help="Use so many of --images, evenly spread.")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="X.Y,…",
            help="tensorrt_rtx: compute capabilities to build for ahead of time, without a GPU: 8.6 is Ampere "
            "(RTX 30), 8.9 Ada (RTX 40), 12.0 Blackwell (RTX 50). Default: the GPU of this PC.",
        ),
    ] = None,
    cuda: Annotated[CudaPackage, typer.Option(help="Package that asks for the GPU.")] = CudaPackage.CUDA_CORE,
    device: Annotated[int, typer.Option(min=0, help="Number of the GPU, as CUDA counts.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Of the CPU, for the proof; 0 takes one for each core.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Build even what is built already.")] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write figures and layers to FILE.")] = None,
) -> None:
    """Build a bundle's engines for a GPU, or its INT8 graph for a CPU.

    Engines are kept apart from the bundle. The daemon runs one only where
    everything is as it was built for: bundle, runtime and its version, precision,
    batches, GPU and driver. After an update of the driver or the runtime, build
    again; the daemon never does by itself.

    Half precision (fp16) is first proven on the CPU: a bundle whose values leave
    its range, or whose golden tiles it judges otherwise, is refused. So is INT8
    where image AUROC falls or verdicts change.
    """
    console = Console(stderr=True)
    options = BuildOptions(
        precision=precision,
        max_batch=max_batch,
        cache=cache,
        images=images,
        at_most=at_most,
        threads=threads,
        again=again,
    )
    opened = open_bundle(bundle)
    if (runtime is Runtime.ONNX) != (precision is Precision.INT8):
        raise typer.BadParameter(
            f"--runtime {runtime} --precision {precision}: for a GPU, tensorrt and tensorrt_rtx build fp16 and fp32; "
            "for a CPU, onnx builds int8"
        )
    if runtime is Runtime.ONNX:
        _build_int8(console, opened, options, defective, json)
        return
    outcome = build_tensorrt(console, opened, runtime, options, GpuOptions(_targets(target), cuda, device))
    Console(file=sys.stdout).print(as_table(outcome))
    if json:
        write_json(json, as_json(outcome))
    for built in outcome.built:
        typer.echo(built.path)


def _build_int8(
    console: Console, bundle: Bundle, options: BuildOptions, defective: Path | None, json: Path | None
) -> None:
    from tools.build.onnx import build_int8  # noqa: PLC0415 - draws defects, which takes torch and seconds

    outcome = build_int8(console, bundle, options, defective)
    if outcome.gate is not None:
        Console(file=sys.stdout).print(f"int8 against float32 on {outcome.gate}")
    if json:
        write_json(json, json_format.dumps({"path": str(outcome.built.path), **outcome.built.report}, indent=1) + "\n")
    typer.echo(outcome.built.path)


def _targets(given: str | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if not _TARGETS.fullmatch(given):
        raise typer.BadParameter(f"--target {given!r}: compute capabilities separated by commas, as in 8.6,8.9,12.0")
    return tuple(given.split(","))
