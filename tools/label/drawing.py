"""The map as a picture to lay over its frame."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import THRESHOLD_LEVEL, enlarge, levels
from inspectd.wire.drafts import MapDraft

LONGEST_SIDE: Final = 1600
"""px; a browser enlarges the rest."""
_OPAQUE: Final = 0.6


def map_layer(distance_map: MapDraft, threshold: float, height: int, width: int) -> bytes:
    """A PNG in the proportions of the frame, height×width px: clear where all is quiet, deep colours from the threshold
    on, with a white line around what reaches it."""
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    full = enlarge(distance_map.distance, distance_map.cell, height, width)
    level = levels(cv2.resize(full, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32), threshold)
    layer = np.empty((rows, columns, 4), np.uint8)
    layer[..., :3] = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    layer[..., 3] = np.clip((level / THRESHOLD_LEVEL - 0.25) * 255, 0, _OPAQUE * 255)
    _outline(layer, level >= THRESHOLD_LEVEL)
    return cv2.imencode(".png", layer, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _outline(layer: NDArray[np.uint8], found: NDArray[np.bool_]) -> None:
    contours, _ = cv2.findContours(found.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(layer, contours, -1, (255, 255, 255, 255), 1)
