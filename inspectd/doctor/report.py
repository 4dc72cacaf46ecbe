"""How the findings are shown: for people, in colour on a terminal, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from inspectd.doctor.findings import Finding, Level, Subject, has_problems

STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


def show(subjects: Iterable[Subject], console: Console) -> list[Subject]:
    """Print each subject as soon as it was looked at; returns them all."""
    shown = []
    for subject in subjects:
        if subject.findings:
            console.print(Text(subject.title, "bold"))
        for finding in subject.findings:
            console.print(_lines(finding), soft_wrap=True)
        shown.append(subject)
    return shown


def to_json(subjects: Sequence[Subject]) -> str:
    """`{"sound": …, "subjects": [{"title": …, "findings": [{"level": …, "text": …, "way_out": …}]}]}`."""
    document = {"sound": not has_problems(subjects), "subjects": [asdict(subject) for subject in subjects]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _lines(finding: Finding) -> Text:
    lines = Text.assemble((f"  {finding.level:<8}", STYLES[finding.level]), finding.text)
    for line in finding.way_out.splitlines():
        lines.append(f"\n            {line}", "cyan")
    return lines
