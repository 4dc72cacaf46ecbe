"""From a frame's map to its verdict: the score against the threshold, and where the defects lie."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.score import top_mean
from inspectd.wire.models import Outcome, Region

GRID_PER_CELL = 4
"""Regions are outlined on a grid this many times finer than the map's, by interpolation. Their borders are rounded by
it to a quarter of a cell, well below what a map of that cell can tell."""


@dataclass(frozen=True)
class Judgement:
    """PASS or FAIL, and why."""

    outcome: Outcome
    score: float
    regions: tuple[Region, ...]
    """Largest peak first; empty unless the outcome is FAIL."""
    regions_omitted: int


def judge(
    distance: NDArray[np.float32],
    calibration: Calibration,
    *,
    width: int,
    height: int,
    cell: int,
    mm_per_px: float | None = None,
    max_regions: int = 64,
) -> Judgement:
    """Judge the map of a frame.

    Args:
        distance: rows×columns, finite.
        calibration: threshold and how many cells make the score.
        width: of the frame, px; the map may reach past it.
        height: of the frame, px.
        cell: side of the square of pixels that one value stands for, px.
        mm_per_px: where given, regions are told in mm too.
        max_regions: most regions listed.
    """
    score = top_mean(distance, calibration.top_cells)
    if score < calibration.threshold:
        return Judgement(Outcome.PASS, score, (), 0)
    found = find_regions(distance, calibration.threshold, width=width, height=height, cell=cell, mm_per_px=mm_per_px)
    return Judgement(Outcome.FAIL, score, found[:max_regions], max(0, len(found) - max_regions))


def find_regions(
    distance: NDArray[np.float32],
    threshold: float,
    *,
    width: int,
    height: int,
    cell: int,
    mm_per_px: float | None = None,
) -> tuple[Region, ...]:
    """Connected areas of the map at or above `threshold`, largest peak first.

    There is at least one wherever a cell of the map reaches the threshold.
    """
    step = max(1, cell // GRID_PER_CELL)
    size = distance.shape[1] * cell // step, distance.shape[0] * cell // step
    fine = cv2.resize(distance, size, interpolation=cv2.INTER_LINEAR)
    fine = fine[: -(-height // step), : -(-width // step)]
    # Interpolation lowers a lone peak a little; the region of the cell that failed the frame must not vanish by it.
    level = min(threshold, float(fine.max()))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((fine >= level).astype(np.uint8), connectivity=8)
    scale = _Scale(step, width, height, mm_per_px)
    regions = [_region(fine, labels, label, boxes[label], level, scale) for label in range(1, count)]
    return tuple(sorted(regions, key=lambda region: -region.peak))


@dataclass(frozen=True)
class _Scale:
    step: int
    width: int
    height: int
    mm_per_px: float | None


def _region(
    fine: NDArray[np.float32],
    labels: NDArray[np.int32],
    label: int,
    box: NDArray[np.int32],
    level: float,
    scale: _Scale,
) -> Region:
    """Describe one labelled area, looking only inside its box (left, top, width, height, area; grid steps)."""
    left, top, columns, rows, cells = (int(value) for value in box)
    inside = labels[top : top + rows, left : left + columns] == label
    values = np.where(inside, fine[top : top + rows, left : left + columns], -np.inf)
    peak_row, peak_column = np.unravel_index(int(values.argmax()), values.shape)
    weight = np.where(inside, values - level + 1e-6, 0.0)  # even a flat area has a centre
    y = float((weight.sum(axis=1) * (np.arange(rows) + 0.5)).sum() / weight.sum())
    x = float((weight.sum(axis=0) * (np.arange(columns) + 0.5)).sum() / weight.sum())
    step = scale.step
    x_px, y_px = left * step, top * step
    width_px = min(columns * step, scale.width - x_px)
    height_px = min(rows * step, scale.height - y_px)
    # The last column and row of the grid may reach past the frame; the area counts only what lies within.
    area = float(min(cells * step * step, width_px * height_px))
    centre_x, centre_y = min((left + x) * step, scale.width), min((top + y) * step, scale.height)
    mm = scale.mm_per_px
    return Region(
        x=x_px,
        y=y_px,
        width=width_px,
        height=height_px,
        area=area,
        centroid_x=round(centre_x, 1),
        centroid_y=round(centre_y, 1),
        peak=float(values.max()),
        peak_x=min((left + int(peak_column) + 0.5) * step, scale.width),
        peak_y=min((top + int(peak_row) + 0.5) * step, scale.height),
        width_mm=None if mm is None else round(width_px * mm, 3),
        height_mm=None if mm is None else round(height_px * mm, 3),
        area_mm2=None if mm is None else round(area * mm * mm, 4),
        centroid_x_mm=None if mm is None else round(centre_x * mm, 3),
        centroid_y_mm=None if mm is None else round(centre_y * mm, 3),
    )
