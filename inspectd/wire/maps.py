"""Maps as bytes: the payload of a map message."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import MapHeader

MapEncoding = Literal["float16", "png"]

FULL_SCALE = 2.0
"""A PNG's white stands for this many times the threshold, so that the threshold is mid-grey on every surface."""
_FLOAT16 = np.dtype("<f2")
_FLOAT16_MAX = float(np.finfo(np.float16).max)


def encode_map(distance: NDArray[np.float32], encoding: MapEncoding, full_scale: float) -> bytes:
    """Encode a map (rows×columns, finite) as `MapHeader.encoding` describes."""
    if encoding == "float16":
        return np.minimum(distance, _FLOAT16_MAX).astype(_FLOAT16).tobytes()
    grey = np.clip(np.rint(distance * (255.0 / full_scale)), 0, 255).astype(np.uint8)
    return cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def decode_map(header: MapHeader, payload: bytes) -> NDArray[np.float32]:
    """The distances, rows×columns.

    Raises:
        ValueError: the payload is not what the header says.
    """
    shape = header.rows, header.columns
    if header.encoding == "float16":
        return np.frombuffer(payload, _FLOAT16).reshape(shape).astype(np.float32)
    grey = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_GRAYSCALE) if payload else None
    if grey is None or grey.shape != shape:
        raise ValueError(f"not a PNG of {shape[0]}×{shape[1]}")
    return grey.astype(np.float32) * np.float32(header.full_scale / 255.0)
