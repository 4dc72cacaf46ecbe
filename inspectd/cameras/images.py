"""Picture files as a camera: a folder, one file or a glob pattern, in the natural order of their names.

Greyscale files come as MONO8, colour as BGR8 (the decoder's own order, so nothing is converted), alpha is dropped.
16-bit files are scaled by 1/257, so that 65535 becomes 255: one fixed scale, never a picture's own maximum, because
brightness must not flicker from frame to frame. Files that hold 10 or 12 bits in the low end of 16 come out dark;
scale them to the full range where they are made.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.completeness import JPEG_START, missing_part
from inspectd.errors import CameraError
from inspectd.settings import ImagesCamera, TriggerMode

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"})
"""Files of a folder that are taken for pictures. A pattern or a file named outright may have any name."""
_TO_8_BIT = 1 / 257
# Those of libjpeg's warnings (jerror.h) that mean lost or invented pixels.
_JPEG_WARNING = re.compile(
    r"^(Corrupt JPEG data|Premature end of JPEG file|Inconsistent progression|Invalid SOS parameters).*", re.MULTILINE
)
_Decoded = tuple[NDArray[np.uint8], PixelFormat] | str
"""A picture, or why it is none."""


class ImagesDriver(Camera):
    """Reads the files that the settings name. A file that joins the folder later is not seen."""

    def __init__(self, settings: ImagesCamera, skip: int = 0) -> None:
        """`skip` pictures were taken already, by a process that this one replaces: goes on after them."""
        self._pattern = settings.source.partition(":")[2]
        self._period_ns = int(1e9 / settings.rate_hz) if settings.rate_hz else 0
        self._loop = settings.loop
        self._preload = settings.preload
        self._triggered = settings.trigger is not TriggerMode.OFF
        self._next = skip
        self._due_ns: int | None = None
        self._files: list[Path] = []
        self._root = Path()
        self._decoded: list[_Decoded] = []

    def open(self) -> None:
        """List the pictures and, with `preload`, decode them. See `Camera.open`."""
        self._root, self._files = find_pictures(self._pattern)
        if self._preload:
            self._decoded = [_decode_file(file) for file in self._files]

    def read(self) -> Picture | BadPicture | None:
        """The next picture, at its time. See `Camera.read`."""
        count = len(self._files)
        if self._next >= count and not self._loop:
            return None
        index = self._next % count
        self._next += 1
        decoded = self._decoded[index] if self._preload else _decode_file(self._files[index])
        self._wait()
        return self._deliver(self._files[index], decoded)

    def trigger(self) -> None:
        """Nothing is to be done: `read` gives the next picture. See `Camera.trigger`."""
        if not self._triggered:
            super().trigger()

    def close(self) -> None:
        """See `Camera.close`."""
        self._decoded = []

    def _deliver(self, file: Path, decoded: _Decoded) -> Picture | BadPicture:
        monotonic_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        source = display_name(file, self._root)
        if isinstance(decoded, str):
            return BadPicture(f"{source}: {decoded}", monotonic_ns, utc_ns, source)
        pixels, pixel_format = decoded
        return Picture(pixels, pixel_format, monotonic_ns, utc_ns, source)

    def _wait(self) -> None:
        """Sleep until the picture is due on a schedule that does not drift.

        Where the reader held us up for longer than a period, the schedule moves: a camera does not catch up in a burst.
        """
        if not self._period_ns:
            return
        now = time.monotonic_ns()
        due = now if self._due_ns is None or now - self._due_ns > self._period_ns else self._due_ns
        time.sleep(max(0, due - now) / 1e9)
        self._due_ns = due + self._period_ns


def find_pictures(pattern: str) -> tuple[Path, list[Path]]:
    """The directory that `pattern` starts from, and the pictures it names in natural order.

    Raises:
        CameraError: it names nothing; the message says what to do.
    """
    path = Path(pattern)
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, _pictures_in(path)
    root = _fixed_part(pattern)
    files = [Path(name) for name in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 - Path.glob wants it relative
    files = [file for file in files if file.is_file()]
    if not files:
        what = "matches no file" if glob.has_magic(pattern) else "there is no such file or folder"
        raise CameraError(
            f"images:{pattern}: {what}; "
            "set 'source' to a folder, a picture or a pattern, as in 'images:/data/web/*.png'"
        )
    return root, sorted(files, key=lambda file: natural_key(os.fspath(file)))


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts names as people count: frame2 before frame10."""
    # Text and digits alternate, so that like is compared with like.
    parts: list[str | int] = [
        int(part) if index % 2 else part.casefold() for index, part in enumerate(re.split(r"([0-9]+)", name))
    ]
    return parts, name


def display_name(file: Path, root: Path) -> str:
    """The file as it is told on the wire: below `root`, and valid UTF-8 whatever the file system holds."""
    name = file.relative_to(root) if file.is_relative_to(root) else file
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def decode_picture(data: bytes) -> tuple[NDArray[np.uint8], PixelFormat]:
    """Decode a picture file's bytes to H×W (MONO8) or H×W×3 (BGR8).

    While a JPEG is decoded, this process's standard error goes elsewhere, for libjpeg tells of damaged data only there.

    Raises:
        CameraError: it is truncated, damaged, or of an unknown kind.
    """
    lacking = missing_part(data)
    if lacking:
        raise CameraError(lacking)
    pixels = _decode_jpeg(data) if data.startswith(JPEG_START) else _decode(data)
    if pixels is None:
        raise CameraError("it is damaged, or no picture of a kind that is read here (PNG, JPEG, TIFF, BMP, WebP, PNM)")
    return _to_8_bit(pixels)


def _decode(data: bytes) -> NDArray[np.generic] | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise CameraError(f"it cannot be decoded: {error.err or error}") from error


def _decode_jpeg(data: bytes) -> NDArray[np.generic] | None:
    """libjpeg mends what it can and only warns; but a mended picture is not the one that was taken."""
    with os.fdopen(os.memfd_create("decoder"), "w+b") as told:
        with _standard_error_to(told.fileno()):
            pixels = _decode(data)
        told.seek(0)
        warning = _JPEG_WARNING.search(told.read().decode(errors="replace"))
    if warning:
        raise CameraError(f"its data are damaged: {warning[0]}")
    return pixels


@contextmanager
def _standard_error_to(descriptor: int) -> Iterator[None]:
    before = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _to_8_bit(pixels: NDArray[np.generic]) -> tuple[NDArray[np.uint8], PixelFormat]:
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=_TO_8_BIT)  # type: ignore[arg-type]  # uint16 is taken as well
    if pixels.dtype != np.uint8:
        raise CameraError(f"it holds {pixels.dtype} values; save it with 8 or 16 bits a channel")
    pixel_format = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.BGR8
    return pixels.astype(np.uint8, copy=False), pixel_format


def _decode_file(file: Path) -> _Decoded:
    try:
        return decode_picture(file.read_bytes())
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except CameraError as error:
        return str(error)


def _pictures_in(folder: Path) -> list[Path]:
    try:
        files = [entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    except OSError as error:
        raise CameraError(f"images:{folder}: the folder cannot be read: {error.strerror}; check its rights") from error
    if not files:
        raise CameraError(
            f"images:{folder}: no picture in this folder ({', '.join(sorted(SUFFIXES))}); put pictures there, "
            f"or set 'source' to a pattern that reaches them, as in 'images:{folder}/**/*.png'"
        )
    return sorted(files, key=lambda file: natural_key(file.name))


def _fixed_part(pattern: str) -> Path:
    """The part of a pattern above its first wildcard."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), Path(pattern).parent.parts))
