"""`inspectd calibrate` and `inspectd flat-field`: from picture files to the file that a camera's settings name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.images import decode_picture, find_pictures
from inspectd.errors import CameraError, ViewError
from inspectd.manual.pictures import to_png, write_file
from inspectd.settings import CameraSettings
from inspectd.view.area import make_area
from inspectd.view.board import LENS_PICTURES, Board, measure
from inspectd.view.flat_field import to_bytes
from inspectd.view.flattening import Flattening, flatten
from inspectd.view.plane import Plane


@dataclass(frozen=True)
class Calibrated:
    """What came of a calibration."""

    file: Path
    drawn: Path
    """The first picture with the corners that were found."""
    plane: Plane
    left_out: tuple[str, ...]
    """Pictures without the board, and why."""

    def __str__(self) -> str:
        scale = self.plane.file
        lens = (
            f"lens corrected, {scale.lens.error_px:.2f} px"
            if scale.lens
            else f"lens not corrected (that takes {LENS_PICTURES} pictures)"
        )
        return (
            f"{self.file}: {self.plane.mm_per_px:.5g} mm per px at the middle, from {scale.pictures} "
            f"picture{'' if scale.pictures == 1 else 's'}; the plane's corners are off by {scale.error_px:.2f} px, "
            f"{scale.error_mm:.3g} mm (RMS); {lens}. Look at {self.drawn}"
        )


def parse_board(text: str, square_mm: float) -> Board:
    """A board from `COLUMNSxROWS`, its inner corners.

    Raises:
        ViewError: it is not written so, or has too few of them.
    """
    match = re.fullmatch(r"(\d{1,3})[x×](\d{1,3})", text)
    if match is None or min(columns := int(match[1]), rows := int(match[2])) < 3:
        raise ViewError(f"--board {text}: write inner corners as COLUMNSxROWS, 3x3 at least, as in 9x6")
    return Board(columns, rows, square_mm)


def calibrate(pictures: Sequence[Path], board: Board, out: Path) -> Calibrated:
    """Measure the scale from pictures of a board and write it; the first shows the board on what is inspected.

    Raises:
        ViewError: the board is not on the first picture, pictures are of different sizes, or no plane comes of it.
        OutputError: a file cannot be written.
    """
    first = _read(pictures[0])
    size = first.shape[:2]
    try:
        found = [board.find(first)]
    except ViewError as error:
        raise ViewError(f"{pictures[0]}: {error}") from error
    left_out = []
    for file in pictures[1:]:
        picture = _read(file)
        if picture.shape[:2] != size:
            raise ViewError(f"{file}: {_size(picture)}, the first picture {_size(first)}; they must be of one camera")
        try:
            found.append(board.find(picture))
        except ViewError as error:
            left_out.append(f"{file}: {error}")
    scale = measure(board, found, *size)
    drawn = out.with_name(f"{out.stem}.corners.png")
    write_file(drawn, to_png(board.draw(first, found[0]), PixelFormat.BGR8))
    write_file(out, scale.model_dump_json(indent=1).encode() + b"\n")
    return Calibrated(out, drawn, Plane(scale), tuple(left_out))


def make_flat_field(white: Path, dark: Path | None, out: Path, camera: CameraSettings | None) -> Flattening:
    """Make a flat field from folders of pictures and write it.

    The mean over what `camera` inspects stays as it is; without one, that over the whole frame.

    Raises:
        ViewError: a picture cannot be read, they do not belong together, or no flat field comes of them.
        OutputError: the file cannot be written.
    """
    area = make_area(camera.roi, camera.mask) if camera else None
    frames = _frames(white)
    first = next(frames)
    inspected = area.pixels(*first.shape[:2]) if area else None
    made = flatten(chain([first], frames), _frames(dark) if dark else None, inspected)
    write_file(out, to_bytes(made.flat))
    return made


def _frames(folder: Path) -> Iterator[NDArray[np.uint8]]:
    """Pictures of a folder, H×W or H×W×3 (RGB)."""
    try:
        _, files = find_pictures(str(folder))
    except CameraError as error:
        raise ViewError(f"{folder}: holds no pictures; record them with 'inspectd record'") from error
    for file in files:
        picture = _read(file)
        yield picture if picture.ndim == 2 else np.ascontiguousarray(picture[..., ::-1])


def _read(file: Path) -> NDArray[np.uint8]:
    try:
        return decode_picture(file.read_bytes())[0]
    except OSError as error:
        raise ViewError(f"{file}: cannot be read: {error.strerror or error}") from error
    except CameraError as error:
        raise ViewError(f"{file}: {error}") from error


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]} px"
