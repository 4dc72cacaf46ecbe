"""Pictures of a checkerboard as a camera of known place and lens would take them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.view.board import Board

BOARD = Board(columns=8, rows=6, square_mm=10.0)
HEIGHT, WIDTH = 480, 640
MATRIX = np.array([[700.0, 0, 322], [0, 705, 236], [0, 0, 1]])
_FINE = 3
"""Samples along a pixel's side."""


@dataclass(frozen=True, eq=False)
class Eye:
    """A lens: where its frame's points would lie without it."""

    distortion: tuple[float, ...] = (0.0,) * 5

    def straight(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-9)
        bent = np.asarray(points, np.float64)[:, None]
        found = cv2.undistortImagePoints(bent, MATRIX, np.array(self.distortion), None, criteria)
        return np.asarray(found, np.float64).reshape(-1, 2)


def pose(turn: tuple[float, float, float], place: tuple[float, float, float]) -> NDArray[np.float64]:
    """From mm on the board to px without a lens, 3×3. `turn` is a rotation vector, `place` where the first inner corner
    is, mm."""
    rotation = cv2.Rodrigues(np.array(turn))[0]
    homography: NDArray[np.float64] = MATRIX @ np.column_stack([rotation[:, 0], rotation[:, 1], place])
    return homography


def photograph(mm_to_px: NDArray[np.float64], eye: Eye) -> NDArray[np.uint8]:
    """The board, H×W, black on white."""
    mm = transformed(_straight_samples(eye), np.linalg.inv(mm_to_px))
    column, row = (np.floor(mm / BOARD.square_mm).astype(int) + 1).T
    on_board = (column >= 0) & (column <= BOARD.columns) & (row >= 0) & (row <= BOARD.rows)
    light = np.where(on_board & ((column + row) % 2 == 0), 30.0, 220.0).reshape(HEIGHT, _FINE, WIDTH, _FINE)
    picture: NDArray[np.uint8] = light.mean(axis=(1, 3)).round().astype(np.uint8)
    return picture


@lru_cache(maxsize=2)
def _straight_samples(eye: Eye) -> NDArray[np.float64]:
    x, y = np.meshgrid(*((np.arange(length * _FINE) + 0.5) / _FINE for length in (WIDTH, HEIGHT)))
    return eye.straight(np.stack([x.ravel(), y.ravel()], axis=1))


def transformed(points: NDArray[np.floating], homography: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(cv2.perspectiveTransform(np.asarray(points, np.float64)[None], homography)[0], np.float64)
