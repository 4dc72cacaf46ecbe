"""What a fit has to tell, and the page that tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.heatmap import css_gradient
from engines.manifest import TileGeometry
from tools.evaluate.metrics import auroc, false_rejects_at, rejected
from tools.report import charts, wording
from tools.report.drawing import TRUTH
from tools.report.examples import Example, shown_examples
from tools.report.template import page_template

__all__ = ["Example", "FitReport", "render"]


@dataclass(frozen=True)
class FitReport:
    """Everything that the page shows."""

    surface: str
    created_utc: str
    bundle_note: str
    """One sentence on the bundle: how many centroids of which width, its size, how it was made."""
    method: str
    backbone: str
    """Name, and where its weights were found."""
    geometry: TileGeometry
    pictures: int
    """Good pictures, or blocks of them, that were trained on."""
    held_out_pictures: int
    """Good pictures, or blocks of them, that set the threshold."""
    tiles: int
    """Tiles that were trained on."""
    defect_pictures: int
    """Real defective pictures given; they only measure, nothing is learned from them."""
    calibration: Calibration
    synthetic_scores: NDArray[np.float64]
    """Scores of held-out good pictures with a synthetic defect each."""
    defect_scores: NDArray[np.float64] | None = None
    """Scores of the real defective pictures."""
    losses: list[tuple[int, float, float | None]] = field(default_factory=list)
    """(step, contrast loss, decoder loss); empty where the method trains nothing."""
    compared: list[tuple[str, str, float]] = field(default_factory=list)
    """(method, its meaning, AUROC on held-out tiles), the method that was asked for first."""
    figures: dict[str, float] = field(default_factory=dict)
    """Measured, by the names of the manifest's figures: fractions of 1, seconds (`_s`), counts."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time of each step, s, in order."""
    choices: list[str] = field(default_factory=list)
    """What was chosen by the program and why, a sentence each."""
    warnings: list[str] = field(default_factory=list)
    """What has to be known before the bundle is put to work."""
    regression: list[tuple[str, str]] = field(default_factory=list)
    """What the bundle says of the regression set: (kind or case, result)."""
    examples: list[Example] = field(default_factory=list)
    by: Literal["pictures", "blocks"] = "pictures"
    """What was trained on or held out as a whole."""
    groups: tuple[int, int] | None = None
    """Groups trained on and held out, where those were kept whole."""


def render(report: FitReport) -> str:
    """The report as one HTML page without any reference outside it, below 600 kB."""
    template = page_template("tools.report")
    good = np.asarray(report.calibration.held_out_scores)
    threshold = report.calibration.threshold
    defective = np.empty(0) if report.defect_scores is None else report.defect_scores
    return template.render(
        r=report,
        cards=_cards(report, good),
        histogram=charts.histogram(good, report.synthetic_scores, defective, threshold),
        threshold=wording.threshold_story(report.calibration),
        roc=charts.roc_chart(good, report.synthetic_scores, defective, threshold) if defective.size else "",
        hindsight=_hindsight(good, defective, threshold) if defective.size else None,
        examples=shown_examples(report.examples, threshold),
        gradient=css_gradient(),
        truth=TRUTH,
        regression=_Table("Cases", report.regression) if report.regression else None,
        methods=_methods(report) if len(report.compared) > 1 else None,
        training=charts.training_curve(report.losses) if report.losses else "",
        tables=_tables(report),
    )


@dataclass(frozen=True)
class _Card:
    name: str
    value: str
    note: str


def _cards(report: FitReport, good: NDArray[np.float64]) -> list[_Card]:
    calibration = report.calibration
    low, high = calibration.interval
    cards = [
        _Card("threshold", f"{calibration.threshold:.4g}", _METHODS[calibration.method]),
        _Card(
            "false rejects",
            wording.percent(calibration.observed_false_rejects),
            f"of {good.size} held out; target {wording.percent(calibration.target_false_rejects)}, "
            f"95 % interval {wording.percent(low)} to {wording.percent(high)}",
        ),
    ]
    for name, scores in (("synthetic defects", report.synthetic_scores), ("real defects", report.defect_scores)):
        if scores is not None and scores.size:
            found = wording.percent(rejected(scores, calibration.threshold))
            cards.append(_Card(f"{name} found", found, f"of {scores.size}; AUROC {auroc(good, scores):.3f}"))
    return cards


_METHODS = {"split-conformal": "split conformal", "pareto-tail": "Pareto tail: provisional"}


@dataclass(frozen=True)
class _Table:
    title: str
    rows: list[tuple[str, str]]


def _hindsight(good: NDArray[np.float64], defective: NDArray[np.float64], threshold: float) -> _Table:
    rows = [
        ("AUROC", f"{auroc(good, defective):.4f}"),
        ("found at the shipped threshold", wording.percent(rejected(defective, threshold))),
        ("false rejects at 95 % detection", wording.percent(false_rejects_at(good, defective, 0.95))),
        ("false rejects at 99 % detection", wording.percent(false_rejects_at(good, defective, 0.99))),
    ]
    return _Table(f"{defective.size} real defective against {good.size} held-out good pictures", rows)


def _methods(report: FitReport) -> _Table:
    rows = [(f"{method}: {meaning}", f"{reached:.4f}") for method, meaning, reached in report.compared]
    return _Table("AUROC, held-out good tiles against held-out synthetic defects", rows)


def _split_rows(report: FitReport) -> list[tuple[str, str]]:
    parts = "good pictures" if report.by == "pictures" else "blocks of good pictures"
    rows = [(f"{parts} learned from", str(report.pictures)), (f"{parts} held out", str(report.held_out_pictures))]
    if report.groups:
        learned, held_out = report.groups
        rows += [("groups learned from", str(learned)), ("groups held out", str(held_out))]
    return rows


def _tables(report: FitReport) -> list[_Table]:
    geometry = report.geometry
    counts = [
        *_split_rows(report),
        ("real defective pictures", str(report.defect_pictures)),
        ("tiles learned from", str(report.tiles)),
        ("tile", f"{geometry.size} px, overlapping {geometry.overlap} px"),
        ("cell", f"{geometry.cell} px"),
    ]
    times = [(name, wording.seconds(value)) for name, value in report.seconds.items()]
    if len(times) > 1:
        times.append(("in all", wording.seconds(sum(report.seconds.values()))))
    measured = [(name, wording.figure(name, value)) for name, value in report.figures.items()]
    tables = [_Table("Pictures and tiles", counts), _Table("Times", times), _Table("Measured", measured)]
    return [table for table in tables if table.rows]
