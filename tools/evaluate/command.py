"""`inspectd-train evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engines.bundle import Bundle, open_bundle
from engines.onnx import OnnxEngine
from tools.evaluate.dataset import LabelledPicture, find_pictures, learned_among
from tools.evaluate.evaluation import Judged, figures, judge_all
from tools.evaluate.sheets import write_sheets
from tools.evaluate.tables import as_json, as_table
from tools.json_file import write_json


def evaluate(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle's directory.", show_default=False)],
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder with good/, a folder for each kind of defect, and in ground_truth/ a folder for each, with "
            "STEM_mask.png; or with test/ and ground_truth/, as MVTec AD is delivered.",
            show_default=False,
        ),
    ],
    good: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Good pictures to test with, instead of those in --data: ones the bundle has not learned.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the figures to this file, as JSON.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pictures of the worst misses and false alarms into this folder."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the engine; 0 takes one for each core.")] = 0,
) -> None:
    """Tell how well a bundle tells good from defective pictures.

    Every picture is inspected as the daemon does it. AUROC and AUPRO are told
    for all thresholds, detection and false rejects for the one that the bundle
    ships.
    """
    console = Console(stderr=True)
    opened = open_bundle(bundle)
    found = find_pictures(data, good)
    seen = learned_among(found, opened.manifest.training.sha256)
    if seen:
        console.print(
            f"{seen} of the good pictures were seen while fitting: false rejects and AUROC will look better than they "
            "are. Name others with --good.",
            style="yellow",
        )
    judged = _judge(console, opened, found, threads)
    threshold, cell = opened.calibration.threshold, opened.manifest.tile.cell
    result = figures(judged, threshold=threshold, cell=cell)
    Console(file=sys.stdout).print(as_table(opened, result))
    if json:
        write_json(json, as_json(opened, result, seen))
    if pictures:
        for file in write_sheets(pictures, judged, threshold=threshold, cell=cell):
            console.print(f"wrote {file}", soft_wrap=True, highlight=False)


def _judge(console: Console, bundle: Bundle, pictures: Sequence[LabelledPicture], threads: int) -> list[Judged]:
    columns = TextColumn("inspecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with OnnxEngine(bundle, threads=threads) as engine, Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(pictures))
        return judge_all(engine, bundle, pictures, lambda: progress.advance(task))
