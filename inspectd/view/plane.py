"""From pixels to millimetres on the plane that a camera looks at, and the file that holds it.

The lens is corrected first, where it is known, then the perspective (a homography). Only points are transformed, never
pictures: the network sees the pixels it was trained on.

Positions in a frame are as everywhere here: (0, 0) is the upper left corner of its first pixel, whose middle is
(0.5, 0.5). The plane's axes are turned so that x runs with the frame's rows at its middle and (0, 0) is the frame's
upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspectd.errors import ViewError

_EXACT: Final = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-6)
"""When the lens is undone well enough: tries, and px."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Row = Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)]
Matrix = Annotated[tuple[Row, ...], Field(min_length=3, max_length=3)]


class Lens(BaseModel):
    """How the lens distorts: OpenCV's pinhole camera with five coefficients (k1, k2, p1, p2, k3)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    matrix: Matrix
    """Focal lengths and principal point, px."""
    distortion: Annotated[tuple[Number, ...], Field(min_length=5, max_length=5)]
    error_px: Number
    """How far the corners of all boards lie from where the lens would show them (RMS), px."""


class ScaleFile(BaseModel):
    """What `inspectd calibrate` writes, as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    width: int = Field(ge=1)
    """Of the frames, px."""
    height: int = Field(ge=1)
    """Of the frames, px."""
    homography: Matrix
    """From px, after the lens, to mm; columns for x, y and 1."""
    lens: Lens | None
    """None where there were too few pictures to tell."""
    board: str
    """Inner corners, columns×rows."""
    square_mm: float = Field(gt=0, allow_inf_nan=False)
    pictures: int = Field(ge=1)
    """How many the board was found on; the first one's is the plane."""
    error_px: Number
    """How far the corners of the first picture lie from where the board would be seen (RMS), px."""
    error_mm: Number
    """The same on the plane, mm."""

    @model_validator(mode="after")
    def _sees_the_plane(self) -> Self:
        """The plane's horizon must not cross the frame; beyond it there are no millimetres."""
        corners = np.array([[x, y, 1] for x in (0, self.width) for y in (0, self.height)], float)
        depth = corners @ np.array(self.homography)[2]
        if not (depth.min() > 0 or depth.max() < 0):
            raise ValueError("the plane's horizon lies within the frame")
        return self


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane of a scale file."""

    file: ScaleFile

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames that it was measured on, px."""
        return self.file.height, self.file.width

    def to_mm(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points of a frame (N×2: x, y, px) on the plane (N×2: x, y, mm)."""
        straight = undistorted(points, self.file.lens)
        return np.asarray(cv2.perspectiveTransform(straight[None], self._homography)[0], np.float64)

    @cached_property
    def mm_per_px(self) -> float:
        """Scale at the middle of the frame, mean of all directions."""
        return float(np.sqrt(self._density_at(np.array([[self.file.width / 2, self.file.height / 2]]), 1.0)[0]))

    def density(self, cell: int) -> NDArray[np.float64]:
        """Area of a pixel, mm², for each cell of the frame's map (rows×columns)."""
        rows, columns = -(-self.file.height // cell), -(-self.file.width // cell)
        x, y = np.meshgrid((np.arange(columns) + 0.5) * cell, (np.arange(rows) + 0.5) * cell)
        return self._density_at(np.stack([x.ravel(), y.ravel()], axis=1), cell).reshape(rows, columns)

    def _density_at(self, points: NDArray[np.float64], step: float) -> NDArray[np.float64]:
        """mm² a px² around each point, by differences over `step` px."""
        half = step / 2
        along, down = (
            (self.to_mm(points + shift) - self.to_mm(points - shift)) / step
            for shift in (np.array([half, 0.0]), np.array([0.0, half]))
        )
        return np.abs(along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0])

    @cached_property
    def _homography(self) -> NDArray[np.float64]:
        return np.array(self.file.homography)


def undistorted(points: NDArray[np.floating], lens: Lens | None) -> NDArray[np.float64]:
    """Points (N×2, px) as a lens without distortion would show them."""
    exact = np.asarray(points, np.float64)
    if lens is None:
        return exact
    matrix, distortion = np.array(lens.matrix), np.array(lens.distortion)
    straight = cv2.undistortImagePoints(exact[:, None], matrix, distortion, None, _EXACT)
    return np.asarray(straight, np.float64).reshape(-1, 2)


def read_plane(file: Path) -> Plane:
    """The plane of a scale file.

    Raises:
        ViewError: it cannot be read, or is none.
    """
    try:
        return Plane(ScaleFile.model_validate_json(file.read_bytes()))
    except OSError as error:
        raise ViewError(f"cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "file"
        raise ViewError(f"{key}: {problem['msg']}; write it with 'inspectd calibrate'") from error
