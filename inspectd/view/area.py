"""The part of a frame that is inspected: polygons, a mask picture, or what both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.cameras.images import decode_picture
from inspectd.errors import CameraError, ViewError

WHITE = 128
"""Least value of a mask's pixel that is inspected."""


@dataclass(frozen=True, eq=False)
class Area:
    """Polygons and a mask; at least one of both."""

    polygons: tuple[NDArray[np.int32], ...] = ()
    """Corners (x, y), N×2 each, px."""
    mask: NDArray[np.bool_] | None = None
    """H×W, True where it is inspected."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the frames it is for; None where only polygons are known."""
        return None if self.mask is None else (self.mask.shape[0], self.mask.shape[1])

    @property
    def reach(self) -> tuple[int, int]:
        """Least height and width of a frame that holds it."""
        if self.size is not None:
            return self.size
        width, height = np.concatenate(self.polygons).max(axis=0)
        return int(height), int(width)

    def pixels(self, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels of a frame are inspected, H×W. What a polygon's outline touches is inside.

        Raises:
            ViewError: the frame is not of the mask's size, or a polygon reaches beyond it.
        """
        if self.mask is not None and self.mask.shape != (height, width):
            raise ViewError(
                f"the mask is {self.mask.shape[1]}×{self.mask.shape[0]} px, the frame {width}×{height} px; "
                "make a mask of the frame's size"
            )
        for polygon in self.polygons:
            self._check(polygon, height, width)
        inside = np.full((height, width), not self.polygons, np.uint8)
        for polygon in self.polygons:  # each by itself: drawn together, where two overlap would be a hole
            cv2.fillPoly(inside, [polygon], [1])
        filled: NDArray[np.bool_] = inside.astype(bool)
        return filled if self.mask is None else filled & self.mask

    def _check(self, polygon: NDArray[np.int32], height: int, width: int) -> None:
        x, y = polygon.max(axis=0)
        if x > width or y > height:
            raise ViewError(f"roi reaches to x = {x}, y = {y}; the frame has {width}×{height} px")


def make_area(polygons: Sequence[Sequence[Sequence[int]]], mask: Path | None) -> Area | None:
    """The area that `roi` and `mask` of a camera name; None where they name none.

    Raises:
        ViewError: the mask cannot be read.
    """
    if not polygons and mask is None:
        return None
    return Area(tuple(np.array(polygon, np.int32) for polygon in polygons), None if mask is None else read_mask(mask))


def read_mask(file: Path) -> NDArray[np.bool_]:
    """A mask picture, H×W, True where it is white.

    Raises:
        ViewError: it cannot be read, or is no picture.
    """
    try:
        pixels, _ = decode_picture(file.read_bytes())
    except OSError as error:
        raise ViewError(f"cannot be read: {error.strerror or error}") from error
    except CameraError as error:
        raise ViewError(str(error)) from error
    white: NDArray[np.bool_] = (pixels if pixels.ndim == 2 else pixels.min(axis=2)) >= WHITE
    return white


def cells_inside(inside: NDArray[np.bool_], cell: int) -> NDArray[np.bool_]:
    """Which cells of a frame's map count, from its pixels (H×W): those with at least half of their pixels inside.

    Of a cell that reaches past the frame's border, only the pixels that there are.
    """
    rows, columns = (np.arange(0, length, cell) for length in inside.shape)
    counts = np.add.reduceat(np.add.reduceat(inside, rows, axis=0, dtype=np.int32), columns, axis=1)
    pixels = np.multiply.outer(
        *(np.diff(starts, append=length) for starts, length in zip((rows, columns), inside.shape, strict=True))
    )
    half: NDArray[np.bool_] = 2 * counts >= pixels
    return half


def draw_area(canvas: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Darken what is not inspected on a BGR picture (H×W×3) and outline what is; it is changed and returned."""
    canvas[~inside] //= 3
    outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, (0, 255, 0), max(1, round(max(inside.shape) / 800)))
    return canvas
