"""Files that commands write, pictures above all, each there whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.durable import write_synced
from engines.pixels import PixelFormat
from inspectd.errors import OutputError

# Twice the speed of the default for a tenth more bytes: recording must keep up with a camera.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def to_bgr(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """A frame (H×W or H×W×3) as H×W×3 in OpenCV's order; always a copy."""
    match pixel_format:
        case PixelFormat.MONO8:
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
        case PixelFormat.RGB8:
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        case _:
            return pixels.copy()


def to_png(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> bytes:
    """A frame as a PNG file; grey stays grey."""
    swapped = to_bgr(pixels, pixel_format) if pixel_format is PixelFormat.RGB8 else pixels
    return cv2.imencode(".png", swapped, _PNG)[1].tobytes()


def write_file(file: Path, data: bytes) -> None:
    """Write a file, replacing one of the same name.

    Raises:
        OutputError: it cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        _write(part, data)
        part.replace(file)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from error


def write_new_picture(folder: Path, stem: str, data: bytes) -> Path:
    """Write `stem`.png, or `stem`-2.png and so on where that is taken; nothing is ever replaced.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        for number in count(1):
            file = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
            if _write_if_free(file, data):
                return file
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to: {error.strerror or error}") from error
    raise AssertionError


def _write_if_free(file: Path, data: bytes) -> bool:
    """The name is free for us alone while we hold the name of its unfinished part, which only one can make."""
    part = file.with_name(f".{file.name}.part")
    try:
        _write(part, data)
    except FileExistsError:
        return False
    try:
        if file.exists():
            part.unlink()
            return False
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return True


def _write(part: Path, data: bytes) -> None:
    try:
        write_synced(part, data, "xb")
    except FileExistsError:
        raise  # it is another's
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
