"""Running a candidate as a process of its own that prints its rate."""

from __future__ import annotations

import subprocess
import sys

from tools.errors import ToolsError


def measured_rate(module: str, *arguments: object) -> float:
    """What `python -m MODULE ARGUMENTS` prints.

    Raises:
        ToolsError: it failed; with what it said.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if run.returncode:
        raise ToolsError(f"{module} could not be measured:\n{run.stderr}")
    return float(run.stdout)
