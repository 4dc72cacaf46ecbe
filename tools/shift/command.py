"""`inspectd-train report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from engines.durable import replace_file
from inspectd.archive.reader import ArchiveReader
from inspectd.journal import JournalReader
from tools.errors import OutputError
from tools.shift.page import render
from tools.shift.reading import read_shift, window_of
from tools.shift.tally import tally

_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]


def report(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="The daemon's journal (journal.path).", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="HTML page; one that is there is replaced.", show_default=False)
    ],
    archive: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The daemon's archive (archive.path), for pictures.", show_default="none"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            formats=_FORMATS,
            help="When the shift began, in this PC's time.",
            show_default="--hours before its end",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", formats=_FORMATS, help="When it ended.", show_default="the newest verdict"),
    ] = None,
    hours: Annotated[float, typer.Option(metavar="H", min=0.01, max=87_600, help="Its length, without --since.")] = 8.0,
) -> None:
    """Write a shift's report from the journal, as a page to print.

    Yield over time, where on the frame defects fall, the worst with pictures,
    how the scores moved, when nothing was inspected and why, and who changed
    model or threshold. The daemon may go on meanwhile.
    """
    pictures = None if archive is None else ArchiveReader(archive)
    with JournalReader(journal) as reader:
        window = window_of(reader, _local(since), _local(until), hours)
        counted = tally(window, read_shift(journal, reader, window))
    _write(out, render(counted, pictures))
    typer.echo(out)


def _write(out: Path, page: str) -> None:
    """In place of the page that may be there, which stays until the new one is whole."""
    try:
        file = out.resolve()
        if file.exists() and not file.is_file():
            raise OutputError(f"--out {out}: is there and no file, so no page can take its place; name another")
        replace_file(file, page.encode())
    except OSError as error:
        raise OutputError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _local(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone()
