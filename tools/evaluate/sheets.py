"""Contact sheets of what went wrong: the defective pictures that scored lowest, the good ones that scored highest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tools.errors import OutputError
from tools.evaluate.evaluation import Judged
from tools.report.drawing import TRUTH, Colour, Picture, fitted, map_over, outlined

MOST = 12
"""Pictures on a sheet."""
COLUMNS = 3
PANEL = 220
"""Side of one view of a picture, px; each picture has two, plain and with its map."""
CAPTION = 36
"""Height of the caption, px."""
MARGIN = 8
PAPER, INK = 24, (225, 225, 225)
WRONG: Colour = (255, 110, 90)


def write_sheets(folder: Path, judged: Sequence[Judged], *, threshold: float, cell: int) -> list[Path]:
    """Write `misses.png` and `false-alarms.png`; a sheet without pictures is left out. Returns the files.

    Pictures on the wrong side of the threshold come first and have a coloured caption; the nearest ones on the right
    side fill the sheet.

    Raises:
        OutputError: the folder cannot be written.
    """
    defective = sorted((one for one in judged if not one.picture.good), key=lambda one: one.score)[:MOST]
    good = sorted((one for one in judged if one.picture.good), key=lambda one: -one.score)[:MOST]
    files = []
    for name, chosen in (("misses.png", defective), ("false-alarms.png", good)):
        if chosen:
            sheet = _sheet([_entry(one, threshold, cell) for one in chosen])
            files.append(_write(folder / name, sheet))
    return files


def _entry(one: Judged, threshold: float, cell: int) -> Picture:
    pixels = one.picture.read()
    truth = one.picture.truth(one.height, one.width)
    plain = pixels if truth is None else outlined(pixels, truth, TRUTH)
    mapped = map_over(pixels, one.distance, cell, threshold, truth)
    views = np.hstack([fitted(view, PANEL, PANEL, PAPER) for view in (plain, mapped)])
    return np.vstack([views, _caption(one, threshold, views.shape[1])])


def _caption(one: Judged, threshold: float, width: int) -> Picture:
    caption = np.full((CAPTION, width, 3), PAPER, np.uint8)
    fails = one.score >= threshold
    wrong = fails == one.picture.good
    verdict = f"{'FAIL' if fails else 'PASS'}  score {one.score:.4g}, threshold {threshold:.4g}"
    name = f"{one.picture.kind}/{one.picture.path.name}".encode("ascii", "replace").decode()  # the font has no more
    for line, text, colour in ((14, name[:60], INK), (30, verdict, WRONG if wrong else INK)):
        cv2.putText(caption, text, (2, line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
    return caption


def _sheet(entries: Sequence[Picture]) -> Picture:
    height, width = entries[0].shape[:2]
    columns = min(COLUMNS, len(entries))
    rows = -(-len(entries) // columns)
    sheet = np.full((rows * (height + MARGIN) + MARGIN, columns * (width + MARGIN) + MARGIN, 3), PAPER, np.uint8)
    for index, entry in enumerate(entries):
        row, column = divmod(index, columns)
        top, left = MARGIN + row * (height + MARGIN), MARGIN + column * (width + MARGIN)
        sheet[top : top + height, left : left + width] = entry
    return sheet


def _write(file: Path, sheet: Picture) -> Path:
    encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"--pictures {file.parent}: cannot be written: {error.strerror or error}") from error
    return file
