"""The size of defects on a camera's plane, in mm."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.view.plane import Plane
from inspectd.wire.models import Region


@dataclass(frozen=True, eq=False)
class Measuring:
    """Measures on frames whose map has cells of one size."""

    plane: Plane
    cell: int
    """px"""
    pixel_mm2: NDArray[np.float64]
    """Area of a pixel by cell of the frame's map (rows×columns), mm²."""

    @classmethod
    def of(cls, plane: Plane, cell: int) -> Measuring:
        """Prepare for maps with cells of `cell` px."""
        return cls(plane, cell, plane.density(cell))

    def in_mm(self, region: Region, inside: NDArray[np.bool_], left: int, top: int, step: int) -> Region:
        """A region with its size and place on the plane.

        Width and height are along the plane's axes, between the outermost points of the outline.

        Args:
            region: in px.
            inside: its values (rows×columns, `step` px each), True where they belong to it.
            left: column of the first of them in the frame, in steps.
            top: row of the first of them, in steps.
            step: px a value; a cell is a multiple of it.
        """
        height_px, width_px = self.plane.size
        outline_px = np.minimum((_outline(inside) + np.array([left, top])) * step, [width_px, height_px])
        outline = self.plane.to_mm(outline_px)
        width, height = np.ptp(outline, axis=0)
        centre = self.plane.to_mm(np.array([[region.centroid_x, region.centroid_y]]))[0]
        return region.model_copy(
            update={
                "width_mm": round(float(width), 3),
                "height_mm": round(float(height), 3),
                "area_mm2": round(region.area * self._mean_pixel(inside, left, top, step), 4),
                "centroid_x_mm": round(float(centre[0]), 3),
                "centroid_y_mm": round(float(centre[1]), 3),
            }
        )

    def _mean_pixel(self, inside: NDArray[np.bool_], left: int, top: int, step: int) -> float:
        """Mean area of the region's pixels, mm²."""
        factor = self.cell // step
        rows = (np.arange(inside.shape[0]) + top) // factor
        columns = (np.arange(inside.shape[1]) + left) // factor
        return float(self.pixel_mm2[np.ix_(rows, columns)][inside].mean())


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Corners of the values along the outer border of an area (N×2: x, y, in values)."""
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    border = np.concatenate(contours).reshape(-1, 2).astype(np.float64)
    return np.concatenate([border + corner for corner in ((0, 0), (1, 0), (0, 1), (1, 1))])
