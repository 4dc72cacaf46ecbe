"""Kill at the steps at which something is written, restart, and print one table: python -m tests.faults.failpoints."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.failpoints.catalogue import scenes
from tests.faults.failpoints.sweep import Came, sweep


def table(came: list[Came]) -> Table:
    """Of all scenes."""
    shown = Table("component", "calls", "kills, each with a restart", "killed at", "inconsistencies")
    for one in came:
        at = ", ".join(f"{call} {count}" for call, count in sorted(one.at.items(), key=lambda item: -item[1]))
        style = "[bold red]" if one.inconsistencies else "[green]"
        shown.add_row(one.scene, str(one.calls), str(one.kills), at, f"{style}{len(one.inconsistencies)}")
    shown.add_section()
    kills, broken = sum(one.kills for one in came), sum(len(one.inconsistencies) for one in came)
    shown.add_row("all", "", str(kills), "", str(broken))
    return shown


def main() -> int:
    """Exit code 1 where something was inconsistent, or fewer points were reached than asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.failpoints", description=__doc__)
    parser.add_argument("--least", metavar="N", type=int, default=200, help="kill points, over all components")
    parser.add_argument("--only", metavar="NAME", help="components whose name begins so")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the table there too")
    arguments = parser.parse_args()
    console, came = Console(), []
    with tempfile.TemporaryDirectory(prefix="inspectd-failpoints-") as folder:
        chosen = [scene for scene in scenes(Path(folder)) if scene.name.startswith(arguments.only or "")]
        shares = sum(scene.share for scene in chosen)
        for scene in chosen:
            with console.status(scene.name):
                came.append(sweep(scene, -(-arguments.least * scene.share // shares)))
    console.print(table(came))
    for one in came:
        for problem in one.inconsistencies:
            console.print(f"[bold red]{one.scene}[/]: {problem}", highlight=False)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in came], indent=1, ensure_ascii=False))
    reached = sum(one.kills for one in came)
    return int(reached < arguments.least or any(one.inconsistencies for one in came))


if __name__ == "__main__":
    sys.exit(main())
