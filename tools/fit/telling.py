"""What is told of a fit when it is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engines.bundle import REPORT, Bundle
from tools.fit.lessons import table
from tools.json_file import write_json

if TYPE_CHECKING:
    from tools.fit.surface import Fitted


def tell(console: Console, fitted: Fitted, defects_given: bool, good: Path) -> None:
    """Tell what was chosen, how well it does, where it lies, and what to do next.

    Args:
        console: to be told on.
        fitted: what came of the fit.
        defects_given: whether it was measured on defective pictures.
        good: folder of the good ones.
    """
    bundle = fitted.bundle
    calibration = bundle.calibration
    low, high = calibration.interval
    lines = list(fitted.choices)
    lines.append(
        f"threshold  {calibration.threshold:.4g} ({calibration.method}): {calibration.observed_false_rejects:.1%} of "
        f"{len(calibration.held_out_scores)} held-out good pictures fail, 95 % interval {low:.1%} to {high:.1%}, "
        f"target {calibration.target_false_rejects:.2%}"
    )
    if defects_given:
        measured = bundle.manifest.figures
        lines.append(
            f"defects    image AUROC {measured['defect_image_auroc']:.4f}, found {measured['defect_detection']:.1%}"
        )
    lines.append(f"times      {', '.join(f'{name} {value:.1f} s' for name, value in fitted.seconds.items())}")
    lines.append(f"bundle     {bundle.path} ({_megabytes(bundle):.1f} MB)")
    lines.append(f"report     {bundle.path / REPORT}")
    lines.append(f"next       inspectd-train evaluate {bundle.path} --data {_data_folder(good)}")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for warning in fitted.warnings:
        console.print(f"warning    {warning}", style="yellow", soft_wrap=True, highlight=False, markup=False)
    if fitted.tested:
        console.print(table(fitted.tested))


def _data_folder(good: Path) -> Path:
    return good.parent if good.name == "good" else good


def _megabytes(bundle: Bundle) -> float:
    return sum(file.stat().st_size for file in bundle.path.rglob("*") if file.is_file()) / 1e6


def write_result(file: Path, fitted: Fitted) -> None:
    """Write the same to a file, as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    content = {
        "bundle": str(fitted.bundle.path),
        "threshold": fitted.bundle.calibration.threshold,
        "method": fitted.bundle.manifest.method,
        "figures": fitted.bundle.manifest.figures,
        "seconds": fitted.seconds,
        "choices": fitted.choices,
        "warnings": fitted.warnings,
        "regression": [
            {
                "case": each.case.name,
                "lesson": each.case.lesson,
                "expected": each.case.lesson.expected,
                "outcome": each.outcome,
                "score": each.score,
                "lost": each.lost,
            }
            for each in fitted.tested
        ],
    }
    write_json(file, json.dumps(content, indent=1) + "\n")
