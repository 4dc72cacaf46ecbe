"""Pixel formats of frames, and their way to the RGB that the graph takes."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray


class PixelFormat(StrEnum):
    """How the bytes of a frame are to be read; all 8 bits a channel, rows without padding."""

    MONO8 = "mono8"
    RGB8 = "rgb8"
    BGR8 = "bgr8"

    @property
    def channels(self) -> int:
        """Bytes a pixel."""
        return 1 if self is PixelFormat.MONO8 else 3

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """Shape of a frame's array: H×W for mono, H×W×3 otherwise."""
        return (height, width) if self is PixelFormat.MONO8 else (height, width, 3)


_TO_RGB = {PixelFormat.MONO8: cv2.COLOR_GRAY2RGB, PixelFormat.BGR8: cv2.COLOR_BGR2RGB}


def to_rgb(pixels: NDArray[np.uint8], pixel_format: PixelFormat, out: NDArray[np.uint8]) -> None:
    """Copy `pixels` (H×W or H×W×3) into `out` (H×W×3) as RGB, in one pass."""
    conversion = _TO_RGB.get(pixel_format)
    if conversion is None:
        np.copyto(out, pixels)
    else:
        cv2.cvtColor(pixels, conversion, dst=out)
