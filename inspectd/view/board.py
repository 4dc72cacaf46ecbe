"""A scale from pictures of a checkerboard (`inspectd calibrate`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.errors import ViewError
from inspectd.view.plane import Lens, ScaleFile, undistorted

LENS_PICTURES: Final = 5
"""Fewest pictures of the board that tell of the lens."""
_FIND: Final = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY


@dataclass(frozen=True)
class Board:
    """A checkerboard."""

    columns: int
    """Inner corners, where four squares meet, along a row."""
    rows: int
    square_mm: float
    """Side of a square."""

    @property
    def corners_mm(self) -> NDArray[np.float32]:
        """Its inner corners, row by row (N×2: x, y, mm)."""
        y, x = np.mgrid[: self.rows, : self.columns].astype(np.float32) * np.float32(self.square_mm)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def find(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Where the corners lie on a picture (H×W or H×W×3), in the order of `corners_mm` (N×2: x, y, px).

        Raises:
            ViewError: the board is not wholly on it.
        """
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        found, corners = cv2.findChessboardCornersSB(grey, (self.columns, self.rows), flags=_FIND)
        if not found:
            raise ViewError(
                f"no board with {self.columns}×{self.rows} inner corners was found; it must be wholly in view, sharp, "
                "evenly lit and with a white margin. Inner corners are counted where four squares meet"
            )
        # OpenCV counts from the middle of the first pixel.
        return np.asarray(corners, np.float32).reshape(-1, 2) + np.float32(0.5)

    def draw(self, picture: NDArray[np.uint8], corners: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The corners on a copy of a picture, H×W×3 BGR."""
        canvas = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture.copy()
        found = np.ascontiguousarray(corners[:, None] - np.float32(0.5))
        drawn = cv2.drawChessboardCorners(canvas, (self.columns, self.rows), found, True)
        return np.asarray(drawn, np.uint8)


def measure(board: Board, found: Sequence[NDArray[np.float32]], height: int, width: int) -> ScaleFile:
    """The scale of a camera from the corners found on its pictures, of height×width px.

    The first picture shows the board lying on what is inspected and gives the plane; all of them give the lens, where
    there are `LENS_PICTURES` or more.

    Raises:
        ViewError: no plane comes of it.
    """
    lens = _lens(board, found, height, width) if len(found) >= LENS_PICTURES else None
    straight, board_mm = undistorted(found[0], lens), board.corners_mm.astype(np.float64)
    homography = np.asarray(cv2.findHomography(straight, board_mm)[0], np.float64)
    middle = [width / 2, height / 2]
    marks = undistorted(np.array([[0, 0], middle, middle + np.array([1, 0]), middle + np.array([0, 1])]), lens)
    try:
        return ScaleFile(
            width=width,
            height=height,
            homography=_rows(_aligned(homography, marks)),
            lens=lens,
            board=f"{board.columns}×{board.rows}",
            square_mm=board.square_mm,
            pictures=len(found),
            error_px=_rms(_transformed(board_mm, np.linalg.inv(homography)) - straight),
            error_mm=_rms(_transformed(straight, homography) - board_mm),
        )
    except ValueError as error:
        raise ViewError("the board is seen so much aslant that its plane ends within the frame") from error


def _lens(board: Board, found: Sequence[NDArray[np.float32]], height: int, width: int) -> Lens:
    flat = np.pad(board.corners_mm, ((0, 0), (0, 1)))
    start = np.eye(3), np.zeros(5)
    error, matrix, distortion, *_ = cv2.calibrateCamera([flat] * len(found), list(found), (width, height), *start)
    return Lens(
        matrix=_rows(np.asarray(matrix, np.float64)),
        distortion=tuple(np.asarray(distortion).ravel().tolist()),
        error_px=float(error),
    )


def _aligned(homography: NDArray[np.float64], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same plane, moved (and turned over where the board was found mirrored) as `inspectd.view.plane` says.

    `marks` are the frame's upper left corner, its middle, and one px to the right of and below that (4×2: x, y, px).
    """
    corner, middle, right, below = _transformed(marks, homography)
    along = (right - middle) / np.linalg.norm(right - middle)
    down = np.array([-along[1], along[0]])
    down *= np.sign(down @ (below - middle))
    turn = np.stack([along, down])
    moved = np.eye(3)
    moved[:2, :2] = turn
    moved[:2, 2] = -turn @ corner
    aligned: NDArray[np.float64] = moved @ homography
    aligned /= aligned[2, 2]
    return aligned


def _transformed(points: NDArray[np.float64], homography: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(cv2.perspectiveTransform(points[None], homography)[0], np.float64)


def _rms(differences: NDArray[np.float64]) -> float:
    return float(np.sqrt((differences**2).sum(axis=1).mean()))


def _rows(matrix: NDArray[np.floating]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
