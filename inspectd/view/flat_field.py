"""Flat-field correction: uneven light, the lens's fall-off and the sensor's dark level are taken out of a frame, and
dead pixels are replaced, in the very copy that brings the frame into shared memory.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.errors import ViewError

VERSION: Final = 1
MIN_GAIN: Final = 0.25
MAX_GAIN: Final = 4.0
"""A pixel that sees less than a quarter of the mean light is not brought up any further: its noise would be as well."""
_BLOCK_BYTES: Final = 1 << 16
"""Rows of so many bytes are corrected at a time, so that what lies between two steps stays in the processor's cache."""
_ARRAYS: Final = frozenset({"version", "gain", "dark", "bad"})


@dataclass(frozen=True, eq=False)
class FlatField:
    """What is done to each pixel: (value - dark) · gain. Colours are in the order R, G, B."""

    gain: NDArray[np.float32]
    """H×W, or H×W×3 for colour."""
    dark: NDArray[np.uint8]
    """Of the same shape."""
    bad: NDArray[np.int32]
    """Dead and hot pixels (N×2: y, x)."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames it is for, px."""
        return self.gain.shape[0], self.gain.shape[1]

    def problem(self, shape: tuple[int, ...]) -> str | None:
        """Why a frame of this shape (H×W or H×W×3) cannot be corrected, in words."""
        if shape == self.gain.shape:
            return None
        return f"the flat field is for frames of {_in_words(self.gain.shape)}, this one has {_in_words(shape)}"

    def correct(self, pixels: NDArray[np.uint8], pixel_format: PixelFormat, out: NDArray[np.uint8]) -> None:
        """Write a frame (see `problem`) into `out` of the same shape, corrected and rounded, in one pass."""
        gain, dark = self._planes(pixel_format)
        rows = max(1, _BLOCK_BYTES // (out.strides[0] or 1))
        for top in range(0, out.shape[0], rows):
            block = np.s_[top : top + rows]
            lit = cv2.subtract(pixels[block], dark[block]) if self._has_dark else pixels[block]
            cv2.multiply(lit, gain[block], dst=out[block], dtype=cv2.CV_8U)
        self._replace_bad(out)

    def _planes(self, pixel_format: PixelFormat) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return self._swapped if pixel_format is PixelFormat.BGR8 else (self.gain, self.dark)

    @cached_property
    def _swapped(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return np.ascontiguousarray(self.gain[..., ::-1]), np.ascontiguousarray(self.dark[..., ::-1])

    @cached_property
    def _has_dark(self) -> bool:
        return bool(self.dark.any())

    def _replace_bad(self, out: NDArray[np.uint8]) -> None:
        if len(self.bad):
            one, other = self.neighbours
            mean = (out[tuple(one.T)].astype(np.uint16) + out[tuple(other.T)] + 1) // 2
            out[tuple(self.bad.T)] = mean

    @cached_property
    def neighbours(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """For each bad pixel the two good ones (N×2 each: y, x) whose mean takes its place.

        Raises:
            ViewError: there are none.
        """
        good = np.ones(self.size, bool)
        good[tuple(self.bad.T)] = False
        pairs = [_good_pair(good, int(y), int(x)) for y, x in self.bad]
        one, other = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
        return one, other


def _good_pair(good: NDArray[np.bool_], y: int, x: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The nearest good pixels on both sides in the row or the column, whichever are closer together; at a border, one
    of them twice."""
    across, down = np.flatnonzero(good[y]), np.flatnonzero(good[:, x])
    row, column = _both_sides(across, x), _both_sides(down, y)
    if row is None and column is None:
        raise ViewError("whole rows and columns of bad pixels cross; make the flat field anew")
    if row is not None and (column is None or _gap(row, x) <= _gap(column, y)):
        return (y, row[0]), (y, row[1])
    assert column is not None
    return (column[0], x), (column[1], x)


def _gap(pair: tuple[int, int], at: int) -> int:
    return abs(pair[0] - at) + abs(pair[1] - at)


def _both_sides(good: NDArray[np.intp], at: int) -> tuple[int, int] | None:
    if not len(good):
        return None
    after = int(np.searchsorted(good, at))
    return int(good[max(0, after - 1)]), int(good[min(after, len(good) - 1)])


def to_bytes(flat: FlatField) -> bytes:
    """A flat field as an NPZ file."""
    data = io.BytesIO()
    np.savez_compressed(data, version=np.int32(VERSION), gain=flat.gain, dark=flat.dark, bad=flat.bad)
    return data.getvalue()


def read_flat_field(file: Path) -> FlatField:
    """Read a flat-field file. Nothing in it is unpickled.

    Raises:
        ViewError: it cannot be read, or is none.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile) or set(arrays.files) != _ARRAYS:
                raise ViewError("no flat field; write it with 'inspectd flat-field'")
            if int(arrays["version"]) != VERSION:
                raise ViewError(f"version {arrays['version']}; this release reads {VERSION}; make it anew")
            flat = FlatField(arrays["gain"], arrays["dark"], arrays["bad"])
    except OSError as error:
        raise ViewError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ViewError(f"damaged, or no flat field: {error}; write it with 'inspectd flat-field'") from error
    _check(flat)
    return flat


def load_flat_field(file: Path) -> FlatField:
    """As `read_flat_field`; the message names the setting."""
    try:
        return read_flat_field(file)
    except ViewError as error:
        raise ViewError(f"flat_field = '{file}': {error}") from error


def _check(flat: FlatField) -> None:
    gain, dark, bad = flat.gain, flat.dark, flat.bad
    shapes = gain.shape == dark.shape and gain.ndim in {2, 3} and gain.shape[2:] in {(), (3,)}
    kinds = gain.dtype == np.float32 and dark.dtype == np.uint8 and bad.dtype == np.int32
    if not (shapes and kinds and gain.size and bad.ndim == 2 and bad.shape[1] == 2):
        raise ViewError("its arrays do not belong together; make it anew")
    if not (gain.min() >= MIN_GAIN and gain.max() <= MAX_GAIN):  # true of NaN as well
        raise ViewError(f"gain from {gain.min():g} to {gain.max():g}; {MIN_GAIN:g} to {MAX_GAIN:g} are possible")
    if len(bad) and (bad.min() < 0 or (bad >= np.array(gain.shape[:2])).any()):
        raise ViewError("bad pixels lie outside the frame; make it anew")
    if len(bad):
        _ = flat.neighbours  # now rather than on the first frame


def _in_words(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]} px {'grey' if len(shape) == 2 else 'colour'}"
