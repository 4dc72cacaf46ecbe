"""The progress of a recording, on the terminal's standard error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from inspectd.cameras.base import BadPicture


def follow(taken: Iterable[Path | BadPicture], count: int, console: Console | None = None) -> int:
    """Show a bar, on a terminal, and a line for each frame that was not whole. Returns how many files were written."""
    console = console or Console(stderr=True, highlight=False)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)
    written = 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=count)
        for item in taken:
            if isinstance(item, BadPicture):
                progress.console.print(f"left out: {item.detail}", markup=False, soft_wrap=True)
                continue
            written += 1
            progress.update(task, advance=1, description=item.name)
    return written
