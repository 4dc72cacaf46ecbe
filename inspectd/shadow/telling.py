"""How a candidate compares, told on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from inspectd.shadow.figures import DISAGREEMENTS
from inspectd.shadow.findings import Findings
from inspectd.wire.models import ShadowFigures, ShadowStanding

MOST: Final = 10
"""Disagreements that are listed of each kind."""


def told(findings: Findings, standing: ShadowStanding | None) -> RenderableType:
    """What is to be printed; `standing` is the daemon's word on it, where one runs."""
    return Group(*_said(findings, standing))


def _said(findings: Findings, standing: ShadowStanding | None) -> Iterator[RenderableType]:
    figures = standing.figures if standing is not None else findings.figures.told()
    state = "does not look on" if standing is None else str(standing.state)
    yield f"{findings.bundle}, {state}, against {figures.against or 'nothing yet'}"
    if standing is not None and standing.reason is not None:
        yield f"stopped: {standing.reason}"
    yield ""
    yield _agreement(figures)
    yield f"{figures.compared:,} frames compared, {figures.skipped:,} passed by: no time for them"
    if figures.cpu_ms is not None:
        yield f"{figures.cpu_ms:.0f} ms of one core for a frame, median"
    yield from _ratios(figures)
    for kind in DISAGREEMENTS:
        of_kind = [entry for entry in findings.disagreements if entry[1].kind is kind][:MOST]
        if of_kind:
            yield ""
            table = Table(kind.replace("_", " "), "frame", "running", "candidate", "in", box=None, pad_edge=False)
            for entry, found in of_kind:
                running, candidate = (f"{ratio:.2f}" for ratio in found.ratios)
                frame = f"{found.verdict.camera} {found.verdict.frame}"
                captured = found.verdict.captured_utc[:19].replace("T", " ")
                table.add_row(captured, frame, running, candidate, entry.name)
            yield table
    if findings.disagreements:
        yield ""
        yield f"pictures and maps in {findings.disagreements[0][0].parent}"


def _agreement(told: ShadowFigures) -> Table:
    table = Table("", "candidate PASS", "candidate FAIL", box=None, pad_edge=False)
    table.add_row("running PASS", f"{told.both_pass:,}", f"{told.only_candidate_fails:,}")
    table.add_row("running FAIL", f"{told.only_running_fails:,}", f"{told.both_fail:,}")
    return table


def _ratios(told: ShadowFigures) -> Iterator[RenderableType]:
    if told.running_ratios is None or told.candidate_ratios is None:
        return
    yield ""
    table = Table("score ÷ threshold", "median", "95 %", "99 %", "largest", box=None, pad_edge=False)
    for name, ratios in (("running", told.running_ratios), ("candidate", told.candidate_ratios)):
        values = ratios.p50, ratios.p95, ratios.p99, ratios.max
        table.add_row(name, *(f"{value:.2f}" for value in values))
    yield table
