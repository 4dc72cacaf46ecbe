"""A roll as CSV and JSON; docs/web.md says what the fields mean."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tools.roll.roll import Defect, Roll

COLUMNS = (
    "number",
    "camera",
    "along_mm",
    "across_mm",
    "length_mm",
    "width_mm",
    "area_mm2",
    "peak",
    "severity",
    "first_verdict",
    "last_verdict",
    "captured_utc",
)


def write_csv(roll: Roll, file: Path) -> None:
    """The defects, a line each.

    Raises:
        OSError: it cannot be written.
    """
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(map(_row, roll.defects))


def write_json(roll: Roll, file: Path) -> None:
    """The whole roll.

    Raises:
        OSError: it cannot be written.
    """
    file.write_text(json.dumps(_document(roll), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _document(roll: Roll) -> dict[str, Any]:
    first, last = roll.verdicts[0], roll.verdicts[-1]
    return {
        "version": 1,
        "publisher": first.publisher,
        "surface": first.surface,
        "bundles": list(dict.fromkeys(verdict.bundle for verdict in roll.verdicts)),
        "journal": first.journal,
        "first_verdict": first.sequence,
        "last_verdict": last.sequence,
        "captured_utc": [first.captured_utc, last.captured_utc],
        "begin_mm": round(roll.begin, 3),
        "end_mm": round(roll.end, 3),
        "inspected_share": round(roll.inspected_share, 6),
        "verdicts_without_place": roll.unplaced,
        "cameras": [
            {
                "camera": lane.camera,
                "begin_mm": round(lane.begin, 3),
                "end_mm": round(lane.end, 3),
                "left_mm": round(lane.left, 3),
                "right_mm": round(lane.right, 3),
            }
            for lane in roll.lanes
        ],
        "defects": [_row(defect) for defect in roll.defects],
        "uninspected": [
            {
                "camera": stretch.camera,
                "begin_mm": round(stretch.begin, 3),
                "end_mm": round(stretch.end, 3),
                "reasons": list(stretch.reasons),
            }
            for stretch in roll.uninspected
        ],
    }


def _row(defect: Defect) -> dict[str, Any]:
    values = (
        defect.number,
        defect.camera,
        _rounded(defect.begin),
        round(defect.left, 3),
        _rounded(defect.length),
        round(defect.right - defect.left, 3),
        round(defect.area_mm2, 3),
        round(defect.peak, 4),
        round(defect.severity, 3),
        defect.frames[0],
        defect.frames[-1],
        defect.captured_utc,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _rounded(mm: float | None) -> float | None:
    return None if mm is None else round(mm, 3)
