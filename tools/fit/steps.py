"""Progress of a fit on the terminal, and the time that each step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[float], None]
"""Told how much more of a step is done."""


class Steps:
    """Runs steps one after another, each with a bar; off a terminal, with a line when it is done."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        """`quiet`: no lines off a terminal, where many fits follow each other."""
        self.console = console
        self._quiet = quiet
        self.seconds: dict[str, float] = {}
        """Time of each finished step, in order, s."""

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Advance]:
        """Show `name` while the block runs; `total` None where its length is not known."""
        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        began = time.monotonic()
        with Progress(
            *columns, console=self.console, disable=not self.console.is_terminal, transient=self._quiet
        ) as progress:
            task = progress.add_task(name, total=total)
            yield partial(progress.advance, task)
            progress.update(task, total=total or 1.0, completed=total or 1.0)
        self.seconds[name] = time.monotonic() - began
        if not self.console.is_terminal and not self._quiet:
            self.console.print(f"{name}: {self.seconds[name]:.1f} s")
