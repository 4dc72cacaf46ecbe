"""What of a picture is inspected, where that is not all. It is kept with the picture: what is learned from that later
must be what was judged, whatever the camera's settings say by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.view.area import Area

AREA: Final = "area"
"""Its name in an entry's map file."""
_INSIDE: Final = 128
"""Least value of a pixel that is inspected, as in a mask."""


class Areas:
    """Of all cameras, as PNG; each is made once. For one thread."""

    def __init__(self, areas: Mapping[str, Area | None]) -> None:
        """By camera; None, as well as a camera that is not there: all of the frame."""
        self._areas = areas
        self._made: dict[tuple[str, int, int], bytes] = {}

    def png(self, camera: str, height: int, width: int) -> bytes | None:
        """What is inspected of a camera's frames of this size, px; None for all.

        Raises:
            ViewError: its area does not fit such frames.
        """
        area = self._areas.get(camera)
        if area is None:
            return None
        key = camera, height, width
        if key not in self._made:
            self._made[key] = encode_area(area.pixels(height, width))
        return self._made[key]


def encode_area(inside: NDArray[np.bool_]) -> bytes:
    """Pixels, H×W, as a black and white PNG: white where it is inspected."""
    pixels = inside.astype(np.uint8) * 255
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()


def decode_area(png: bytes) -> NDArray[np.bool_]:
    """The pixels, H×W, that are inspected.

    Raises:
        ValueError: it is no picture.
    """
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) if png else None
    if pixels is None:
        raise ValueError("no picture of an area")
    inside: NDArray[np.bool_] = np.asarray(pixels) >= _INSIDE
    return inside
