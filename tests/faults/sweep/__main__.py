"""Inject every fault, one after the other, and print one table: python -m tests.faults.sweep [--only NAME]."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.sweep.catalogue import FAULTS
from tests.faults.sweep.fault import Fault, Report, Verdict

STYLES = {Verdict.HELD: "green", Verdict.BROKEN: "bold red", Verdict.SKIPPED: "yellow"}


def inject(fault: Fault) -> Report:
    """In a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="inspectd-fault-") as folder:
        return fault.happen(Path(folder))


def table(reports: list[Report]) -> Table:
    """Of all reports."""
    shown = Table("fault", "injected", "seen", "verdict", "recovery, s", title="Faults", title_style="bold")
    for report in reports:
        recovery = "" if report.recovery_s is None else f"{report.recovery_s:.1f}"
        verdict = f"[{STYLES[report.verdict]}]{report.verdict}"
        shown.add_row(report.fault, report.injected, report.seen, verdict, recovery)
    return shown


def main() -> int:
    """Exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="faults whose name begins so; repeatable")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the table there too")
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if not arguments.only or fault.name.startswith(tuple(arguments.only))]
    if not chosen:
        parser.error(f"no fault is named so; there are: {', '.join(fault.name for fault in FAULTS)}")
    console, reports = Console(), []
    for fault in chosen:
        with console.status(fault.name):
            reports.append(inject(fault))
    console.print(table(reports))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(report) for report in reports], indent=1, ensure_ascii=False))
    broken = sum(report.verdict is Verdict.BROKEN for report in reports)
    console.print(f"{len(reports)} faults, {broken} broken")
    return min(1, broken)


if __name__ == "__main__":
    sys.exit(main())
