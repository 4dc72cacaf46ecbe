"""From a frame's map to its verdict: the score against the threshold, and where the defects lie."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.score import top_mean
from inspectd.view.measuring import Measuring
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
    measuring: Measuring | None = None,
    inspected: NDArray[np.bool_] | None = None,
    max_regions: int = 64,
) -> Judgement:
    """Judge the map of a frame.

    Args:
        distance: rows×columns, finite, levelled at the frame's edge (`calib.border.level`), and 0 where nothing is
            inspected.
        calibration: threshold and how many cells make the score.
        width: of the frame, px; the map may reach past it.
        height: of the frame, px.
        cell: side of the square of pixels that one value stands for, px.
        mm_per_px: where given, regions are told in mm too.
        measuring: likewise, in place of `mm_per_px`.
        inspected: which cells count, rows×columns; None for all.
        max_regions: most regions listed.
    """
    score = top_mean(distance if inspected is None else distance[inspected], calibration.top_cells)
    if score < calibration.threshold:
        return Judgement(Outcome.PASS, score, (), 0)
    found, omitted = find_regions(
        distance,
        calibration.threshold,
        width=width,
        height=height,
        cell=cell,
        mm_per_px=mm_per_px,
        measuring=measuring,
        inspected=inspected,
        max_regions=max_regions,
    )
    return Judgement(Outcome.FAIL, score, found, omitted)


def find_regions(
    distance: NDArray[np.float32],
    threshold: float,
    *,
    width: int,
    height: int,
    cell: int,
    mm_per_px: float | None = None,
    measuring: Measuring | None = None,
    inspected: NDArray[np.bool_] | None = None,
    max_regions: int = 64,
) -> tuple[tuple[Region, ...], int]:
    """Connected areas of the map at or above `threshold`, largest peak first, and how many more there are.

    There is at least one wherever a cell of the map reaches the threshold. Arguments are those of `judge`.
    """
    step = cell // GRID_PER_CELL if cell % GRID_PER_CELL == 0 else 1
    fine = _refined(distance, cell // step)
    mask = (fine >= threshold).astype(np.uint8)
    if inspected is not None:  # interpolation reaches half a cell beyond
        mask &= inspected.repeat(cell // step, axis=0).repeat(cell // step, axis=1)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = _Areas(fine, np.asarray(labels, np.int32), threshold, step, width, height, mm_per_px, measuring)
    # A map of noise has thousands of areas; only those that will be told are described.
    largest = np.argsort(-areas.peaks(count), kind="stable")[:max_regions] + 1
    regions = tuple(areas.region(int(label), *(int(value) for value in boxes[label][:4])) for label in largest)
    return regions, count - 1 - len(regions)


def _refined(distance: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Interpolate to `factor` values a cell each way; the middle of a cell keeps the cell's own value.

    Interpolation alone would lower a lone peak, and the region of the very cell that failed the frame could vanish.
    """
    size = distance.shape[1] * factor, distance.shape[0] * factor
    fine = np.asarray(cv2.resize(distance, size, interpolation=cv2.INTER_LINEAR), np.float32)
    middle = {(factor - 1) // 2, factor // 2}
    for row, column in itertools.product(middle, middle):
        fine[row::factor, column::factor] = distance
    return fine


@dataclass(frozen=True)
class _Areas:
    """The labelled areas of a map; `step` px a value."""

    fine: NDArray[np.float32]
    labels: NDArray[np.int32]
    threshold: float
    step: int
    width: int
    height: int
    mm_per_px: float | None
    measuring: Measuring | None

    def peaks(self, count: int) -> NDArray[np.float32]:
        """The largest value of each area, label 1 first; `count` includes the background, label 0."""
        peaks = np.full(count, -np.inf, np.float32)
        np.maximum.at(peaks, self.labels.ravel(), self.fine.ravel())
        return peaks[1:]

    def region(self, label: int, left: int, top: int, columns: int, rows: int) -> Region:
        """Describe one area, looking only inside its box, which is given in steps."""
        box = np.s_[top : top + rows, left : left + columns]
        inside = self.labels[box] == label
        values = np.where(inside, self.fine[box], -np.inf)
        peak_row, peak_column = np.unravel_index(int(values.argmax()), values.shape)
        weight = np.where(inside, values - self.threshold + 1e-6, 0.0)  # even a flat area has a centre
        centre_y = top + float((weight.sum(axis=1) * (np.arange(rows) + 0.5)).sum() / weight.sum())
        centre_x = left + float((weight.sum(axis=0) * (np.arange(columns) + 0.5)).sum() / weight.sum())
        # The last column and row of cells may reach past the frame; what lies there is told at its border.
        x, y = min(left * self.step, self.width - 1), min(top * self.step, self.height - 1)
        width, height = min(columns * self.step, self.width - x), min(rows * self.step, self.height - y)
        region = Region(
            x=x,
            y=y,
            width=width,
            height=height,
            area=min(int(inside.sum()) * self.step**2, width * height),
            centroid_x=self._along(centre_x, self.width),
            centroid_y=self._along(centre_y, self.height),
            peak=float(values.max()),
            peak_x=self._along(left + float(peak_column) + 0.5, self.width),
            peak_y=self._along(top + float(peak_row) + 0.5, self.height),
        )
        if self.measuring is not None:
            return self.measuring.in_mm(region, inside, left, top, self.step)
        return region if self.mm_per_px is None else _in_mm(region, self.mm_per_px)

    def _along(self, steps: float, limit: int) -> float:
        return round(min(steps * self.step, limit), 1)


def _in_mm(region: Region, mm_per_px: float) -> Region:
    return region.model_copy(
        update={
            "width_mm": round(region.width * mm_per_px, 3),
            "height_mm": round(region.height * mm_per_px, 3),
            "area_mm2": round(region.area * mm_per_px**2, 4),
            "centroid_x_mm": round(region.centroid_x * mm_per_px, 3),
            "centroid_y_mm": round(region.centroid_y * mm_per_px, 3),
        }
    )
