"""Drawing on pictures: outlines, the map laid over, panels side by side. All pictures are H×W×3 RGB uint8."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import enlarge, overlay

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

TRUTH: Colour = (60, 220, 90)
"""Outline of where the defect truly is."""
FOUND: Colour = (255, 255, 255)
"""Outline of where the map reaches the threshold."""


def outlined(pixels: Picture, mask: NDArray[np.bool_], colour: Colour) -> Picture:
    """A copy with a line around every area of the mask, H×W."""
    drawn = np.ascontiguousarray(pixels).copy()
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(min(pixels.shape[:2]) / 250))
    cv2.drawContours(drawn, contours, -1, colour, thickness)
    return drawn


def map_over(
    pixels: Picture, distance: NDArray[np.float32], cell: int, threshold: float, truth: NDArray[np.bool_] | None
) -> Picture:
    """The map over its picture, with the outlines of what was found and, where known, of the truth."""
    height, width = pixels.shape[:2]
    found = enlarge(distance, cell, height, width) >= threshold
    drawn = outlined(overlay(pixels, distance, cell, threshold), found, FOUND)
    return drawn if truth is None else outlined(drawn, truth, TRUTH)


def fitted(pixels: Picture, height: int, width: int, background: int) -> Picture:
    """The picture scaled to fit into height×width px, in the middle of a grey panel of that size."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    panel = np.full((height, width, 3), background, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    panel[top : top + size[1], left : left + size[0]] = scaled
    return panel
