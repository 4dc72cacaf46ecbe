"""`inspectd-train roll`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.errors import OutputError
from tools.roll.files import write_csv, write_json
from tools.roll.picture import save_map
from tools.roll.reading import read_roll
from tools.roll.roll import Roll, make_roll


def roll(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="The daemon's journal (journal.path).", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for roll.png, roll.csv and roll.json.", show_default=False)
    ],
    first: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of the first verdict.", show_default="where the position along the web began anew"
        ),
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Number of the last verdict.", show_default="newest")] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this camera saw.", show_default="all cameras")
    ] = None,
) -> None:
    """Draw the defect map of a roll and list its defects.

    The roll is the newest one in the journal: it begins where the position along
    the web began anew. The daemon may go on meanwhile. In the folder, roll.png is
    the map, roll.csv lists the defects, and roll.json has both and all stretches
    that were not inspected.
    """
    made = make_roll(read_roll(journal, first, last, camera))
    _write(made, out)
    typer.echo(out)


def _write(made: Roll, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(made, folder / "roll.csv")
        write_json(made, folder / "roll.json")
        save_map(made, folder / "roll.png")
    except OSError as error:
        raise OutputError(f"--out {folder}: cannot be written: {error.strerror or error}") from error
