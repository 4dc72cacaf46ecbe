"""Scaling a distance map to a picture: always by the threshold, never by the map's own range.

So a cell at the threshold has the same level in every picture, and a good picture looks quiet.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THRESHOLD_LEVEL = 128
"""The level of a cell at the threshold; twice the threshold and more is 255."""


def levels(distance: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """The map (h×w) as grey levels: 0 at distance 0, `THRESHOLD_LEVEL` at the threshold, 255 from its double on.

    A cell below the threshold stays below `THRESHOLD_LEVEL`.
    """
    level = np.clip(np.floor(distance * (THRESHOLD_LEVEL / threshold)), 0, 255)
    level[(distance < threshold) & (level >= THRESHOLD_LEVEL)] = THRESHOLD_LEVEL - 1
    scaled: NDArray[np.uint8] = level.astype(np.uint8)
    return scaled


def enlarge(distance: NDArray[np.float32], cell: int, height: int, width: int) -> NDArray[np.float32]:
    """The map (h×w) at the size of its picture, height×width px, interpolated between the middles of its cells.

    The last row and column of cells may reach past the picture; what lies beyond it is cut off.
    """
    size = distance.shape[1] * cell, distance.shape[0] * cell
    full = np.asarray(cv2.resize(distance, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return full[:height, :width]


def overlay(pixels: NDArray[np.uint8], distance: NDArray[np.float32], cell: int, threshold: float) -> NDArray[np.uint8]:
    """The map laid over its picture (H×W×3 RGB): nothing where it is quiet, deep colours from the threshold on."""
    height, width = pixels.shape[:2]
    level = levels(enlarge(distance, cell, height, width), threshold)
    colours = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    weight = np.clip(level[..., None].astype(np.float32) / THRESHOLD_LEVEL - 0.25, 0, 0.75)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None] * 0.85
    blended: NDArray[np.uint8] = np.rint(grey * (1 - weight) + colours * weight).astype(np.uint8)
    return blended


def css_gradient() -> str:
    """The colours of a map from 0 to twice the threshold, as a CSS gradient."""
    ramp = levels(np.linspace(0, 2, 9, dtype=np.float32)[None], 1.0)
    colours = cv2.cvtColor(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)[0].tolist()
    return f"linear-gradient(90deg, {', '.join(f'rgb{tuple(colour)}' for colour in colours)})"
