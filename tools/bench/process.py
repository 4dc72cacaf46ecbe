"""Running a candidate as a process of its own that prints what was measured."""

from __future__ import annotations

import subprocess
import sys

from tools.errors import BenchError


def measured(module: str, *arguments: object) -> str:
    """What `python -m MODULE ARGUMENTS` prints.

    Raises:
        BenchError: it failed; with what it said.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if run.returncode:
        raise BenchError(f"{module} could not be measured:\n{run.stderr}")
    return run.stdout


def measured_rate(module: str, *arguments: object) -> float:
    """The number that it prints. Errors as of `measured`."""
    return float(measured(module, *arguments))
