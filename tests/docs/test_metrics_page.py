"""docs/metrics.md and its examples name only metrics that are there, and Prometheus takes the examples."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from inspectd.metrics.catalogue import GROUPS
from inspectd.wire.models import CameraState, DaemonState, Outcome, Reason

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text()
ALERTS = DOCS / "examples" / "prometheus-alerts.yml"
DASHBOARD = DOCS / "examples" / "grafana-dashboard.json"
ALERT_TESTS = Path(__file__).parent / "alerts.test.yml"
OF_THE_PROCESS = set(re.findall(r"`(process_\w+)`", PAGE))


def names() -> set[str]:
    """Everything that an expression may name."""
    found = set(OF_THE_PROCESS)
    for metric in (metric for group in GROUPS.values() for metric in group):
        ends = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        found |= {metric.name + end for end in ends}
    return found


def dashboard_expressions() -> list[str]:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    targets = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return targets + [note["expr"] for note in board["annotations"]["list"]]


def alert_expressions() -> list[str]:
    blocks = re.findall(r"^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", ALERTS.read_text(), re.MULTILINE)
    return ["".join(block) for block in blocks]


def page_expressions() -> list[str]:
    return re.findall(r"^```promql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


EXPRESSIONS = [*dashboard_expressions(), *alert_expressions(), *page_expressions()]


def test_there_are_expressions() -> None:
    assert len(dashboard_expressions()) > 30
    assert len(alert_expressions()) == ALERTS.read_text().count("- alert:") > 10
    assert len(page_expressions()) == PAGE.count("```promql")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_name_what_is_there(expression: str) -> None:
    named = set(re.findall(r"\b(?:inspectd|process)_\w+", expression))
    assert named <= names()
    assert named or "up{" in expression


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_select_what_is_there(expression: str) -> None:
    known = {
        "state": {*CameraState, *DaemonState},
        "outcome": set(Outcome),
        "reason": set(Reason),
    }
    for label, values in re.findall(r'(\w+)=~?"([^"]*)"', expression):
        if label in known:
            assert set(values.split("|")) <= known[label]


def test_alerts_describe_themselves_by_what_is_there() -> None:
    assert set(re.findall(r"\binspectd_\w+", ALERTS.read_text())) <= names() | {
        metric.name for group in GROUPS.values() for metric in group
    }


def test_the_dashboard_shows_every_metric() -> None:
    shown = set(re.findall(r"\binspectd_\w+", " ".join(dashboard_expressions())))
    left_out = {
        "inspectd_stage_alive",
        "inspectd_published_sequence",
        "inspectd_daemon_info",
        "inspectd_journal_disk_bytes",
        "inspectd_clients_refused_total",
    }
    for metric in (metric for group in GROUPS.values() for metric in group):
        assert metric.name in left_out or any(name.startswith(metric.name) for name in shown), metric.name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here (Debian: apt-get install prometheus)")
@pytest.mark.parametrize("arguments", [("check", "rules", str(ALERTS)), ("test", "rules", str(ALERT_TESTS))])
def test_prometheus_takes_the_alerts(arguments: tuple[str, ...]) -> None:
    told = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
