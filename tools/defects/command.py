"""`inspectd-train defects`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tools.defects.sheet import cut_good, draw_rows, make_sheet
from tools.errors import OutputError
from tools.method.defects import KINDS, SMALLEST
from tools.report.drawing import Picture

LARGEST = 256


def defects(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of good pictures, or one with good/ in it.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The contact sheet to write; ends with .png.", show_default=False)
    ],
    seed: Annotated[
        int, typer.Option(min=0, help="Decides pictures, places and defects; the same seed gives the same sheet.")
    ] = 0,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help=f"Only this kind; can be given several times. There are {', '.join(KINDS)}.",
            show_default="all kinds",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=12, help="Examples of each kind.")] = 4,
    tile: Annotated[
        int,
        typer.Option(
            min=SMALLEST, max=LARGEST, help="Side of the tile cut from each picture, px; small ones stay whole."
        ),
    ] = 224,
) -> None:
    """Show the synthetic defects that training draws on good pictures.

    The sheet has a row for each kind of defect: every example stands beside
    itself with its mask outlined. Look at it before a fit: what is drawn should
    resemble what your line produces, be visible, and be outlined where it is.
    Nothing is learned and no bundle is written.
    """
    kinds = _kinds(kind)
    if out.suffix.lower() != ".png":
        raise typer.BadParameter(f"--out {out}: the sheet is a PNG picture; end its name with .png")
    console = Console(stderr=True)
    tiles = cut_good(folder, tile, np.random.default_rng([seed, 1]))
    columns = TextColumn("drawing"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(kinds))
        rows = draw_rows(tiles, kinds, count, seed, lambda: progress.advance(task))
    for row in rows:
        if len(row.examples) < count:
            console.print(
                f"{row.kind}: {count - len(row.examples)} of {count} could not be seen on these pictures, left out",
                style="yellow",
                highlight=False,
            )
    _write(out, make_sheet(rows, count))
    typer.echo(out)


def _kinds(given: list[str] | None) -> list[str]:
    unknown = [name for name in given or () if name not in KINDS]
    if unknown:
        raise typer.BadParameter(f"--kind {unknown[0]!r}: there are {', '.join(KINDS)}")
    return list(dict.fromkeys(given)) if given else list(KINDS)


def _write(file: Path, sheet: Picture) -> None:
    encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"--out {file}: cannot be written: {error.strerror or error}") from error
