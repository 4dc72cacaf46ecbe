"""Pictures inside a page, so that it refers to nothing outside it."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray


def data_uri(pixels: NDArray[np.uint8], side: int, quality: int = 84) -> str:
    """A picture (H×W×3 RGB) as a JPEG inside a page, its longest side `side` px at most."""
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()
