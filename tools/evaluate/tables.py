"""The figures as a table on the terminal and as JSON."""

from __future__ import annotations

import json

from rich.console import Group
from rich.table import Table

from engines.bundle import Bundle
from tools.evaluate.evaluation import Figures

BESIDE = "synthetic_tile_auroc_"
"""Beginning of the manifest's figures that tell what methods reached while fitting."""


def as_json(bundle: Bundle, figures: Figures, seen: int) -> str:
    """The figures, fractions of 1, null where the set cannot tell; `seen` good pictures took part in fitting."""
    document = {
        "bundle": bundle.path.name,
        "surface": bundle.surface,
        "threshold": bundle.calibration.threshold,
        "target_false_rejects": bundle.calibration.target_false_rejects,
        "image_auroc": figures.image_auroc,
        "pixel_auroc": figures.pixel_auroc,
        "aupro": figures.aupro,
        "frr_at_95": figures.frr_at_95,
        "frr_at_99": figures.frr_at_99,
        "detection": figures.detection,
        "false_rejects": figures.false_rejects,
        "false_rejects_interval": list(figures.false_rejects_interval),
        "good": figures.good,
        "good_seen_while_fitting": seen,
        "defective": figures.defective,
        "marked": figures.marked,
        "regions": figures.regions,
        "methods_while_fitting": methods_while_fitting(bundle),
        "defects": {
            kind: {
                "pictures": one.pictures,
                "detected": one.detected,
                "detection": one.detection,
                "image_auroc": one.image_auroc,
            }
            for kind, one in figures.by_defect.items()
        },
    }
    return json.dumps(document, indent=1) + "\n"


def as_table(bundle: Bundle, figures: Figures) -> Group:
    """The figures for people."""
    return Group(_main(bundle, figures), _defects(figures)) if figures.by_defect else Group(_main(bundle, figures))


def _main(bundle: Bundle, figures: Figures) -> Table:
    calibration = bundle.calibration
    table = Table(title=f"{bundle.path.name}: {figures.good} good, {figures.defective} defective pictures")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("")
    low, high = figures.false_rejects_interval
    table.add_row("image AUROC", _fraction(figures.image_auroc), "good against defective pictures")
    marked = f"{figures.regions} regions in {figures.marked} marked pictures"
    table.add_row("pixel AUROC", _fraction(figures.pixel_auroc), marked)
    table.add_row("AUPRO", _fraction(figures.aupro), "share found of a region, to 30 % false positives")
    table.add_row("false rejects at 95 %", percent(figures.frr_at_95), "detection; threshold set in hindsight")
    table.add_row("false rejects at 99 %", percent(figures.frr_at_99), "detection; likewise")
    table.add_section()
    shipped = f"at the shipped threshold, {calibration.threshold:.5g} ({calibration.method})"
    table.add_row("detection", percent(figures.detection), shipped)
    target = f"target {percent(calibration.target_false_rejects)}; 95 % interval {percent(low)} to {percent(high)}"
    table.add_row("false rejects", percent(figures.false_rejects), target)
    methods = methods_while_fitting(bundle)
    if len(methods) > 1:
        table.add_section()
        for name, reached in methods.items():
            table.add_row(name, _fraction(reached), "AUROC while fitting: held-out tiles, synthetic defects")
    return table


def methods_while_fitting(bundle: Bundle) -> dict[str, float]:
    """What each method reached on the bundle's own held-out tiles, the one that was asked for first."""
    found = {name: value for name, value in bundle.manifest.figures.items() if name.startswith(BESIDE)}
    return {name.removeprefix(BESIDE).replace("_", "-"): value for name, value in found.items()}


def _defects(figures: Figures) -> Table:
    table = Table(title="by defect")
    table.add_column("defect")
    for column in ("pictures", "detected", "detection", "image AUROC"):
        table.add_column(column, justify="right")
    for kind, one in figures.by_defect.items():
        table.add_row(kind, str(one.pictures), str(one.detected), percent(one.detection), _fraction(one.image_auroc))
    return table


def _fraction(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """A fraction of 1 as people read it."""
    return "—" if value is None else f"{100 * value:.3g} %"
