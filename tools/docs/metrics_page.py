"""docs/metrics.md: a table for each group of metrics."""

from __future__ import annotations

from collections.abc import Iterable

from inspectd.metrics.catalogue import AGREEMENTS, DROP_REASONS, GROUPS, STAGE_NAMES, Metric
from inspectd.metrics.server import CLIENT_S
from inspectd.wire import addresses
from tools.docs.tables import table


def metrics_parts() -> dict[str, str]:
    """What the template asks for."""
    parts = {group: _table(metrics) for group, metrics in GROUPS.items()}
    parts["stages"] = table(("`stage`", "what of the way"), ((f"`{name}`", text) for name, text in STAGE_NAMES.items()))
    parts["drop-reasons"] = table(("`reason`", "why"), ((f"`{name}`", text) for name, text in DROP_REASONS.items()))
    parts["agreements"] = table(
        ("`agreement`", "of a frame"), ((f"`{name}`", text) for name, text in AGREEMENTS.items())
    )
    parts["address"] = addresses.METRICS
    parts["client-s"] = f"{CLIENT_S:g}"
    return parts


def _table(metrics: Iterable[Metric]) -> str:
    return table(
        ("metric", "kind", "labels", "meaning"),
        (
            (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
            for metric in metrics
        ),
    )
