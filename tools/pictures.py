"""Picture files, read exactly as the daemon's `images:` camera reads them, so that both see the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.pixels import to_rgb
from inspectd.cameras.images import SUFFIXES, decode_picture, natural_key
from inspectd.errors import CameraError
from tools.errors import PictureError

__all__ = ["SUFFIXES", "decode_rgb", "list_pictures", "natural_key", "read_rgb"]


def list_pictures(folder: Path) -> list[Path]:
    """The picture files that lie directly in a folder, in the natural order of their names.

    Raises:
        PictureError: the folder cannot be read.
    """
    try:
        files = [entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    except OSError as error:
        raise PictureError(f"{folder}: the folder cannot be read: {error.strerror or error}") from error
    return sorted(files, key=lambda file: natural_key(file.name))


def read_rgb(file: Path) -> NDArray[np.uint8]:
    """A picture file as H×W×3 RGB.

    Raises:
        PictureError: it cannot be read, or is no whole picture.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PictureError(f"{file}: cannot be read: {error.strerror or error}") from error
    return decode_rgb(file, data)


def decode_rgb(file: Path, data: bytes) -> NDArray[np.uint8]:
    """The content of a picture file as H×W×3 RGB; `file` is for the message.

    Raises:
        PictureError: it is no whole picture.
    """
    try:
        pixels, pixel_format = decode_picture(data)
    except CameraError as error:
        raise PictureError(f"{file}: {error}") from error
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    to_rgb(pixels, pixel_format, rgb)
    return rgb
