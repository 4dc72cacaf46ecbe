"""How a surface's pictures are shown to the methods: as they are, or resized and cropped as publications do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.errors import OutputError, PictureError
from tools.evaluate.dataset import LabelledPicture, find_pictures

NATIVE = "native"
_SQUARE = re.compile(r"(\d+)-crop-(\d+)")


@dataclass(frozen=True)
class View:
    """All pictures as they are, or resized to a square (which squashes) whose middle is cropped."""

    name: str
    resize: int | None = None
    """Side of the square, px; None leaves the picture as it is."""
    crop: int | None = None
    """Side of the middle that is kept, px."""

    def picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """H×W×3 as it is shown."""
        return self._cropped(pixels, cv2.INTER_AREA)

    def mask(self, truth: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """H×W, in step with `picture`. A defect too thin to be met by any pixel's middle has every pixel it touches."""
        marked = truth.astype(np.uint8) * np.uint8(255)
        nearest = self._cropped(marked, cv2.INTER_NEAREST)
        return np.asarray((nearest if nearest.any() else self._cropped(marked, cv2.INTER_AREA)) > 0)

    def _cropped(self, pixels: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
        if self.resize is None or self.crop is None:
            return pixels
        square = cv2.resize(pixels, (self.resize, self.resize), interpolation=interpolation)
        start = (self.resize - self.crop) // 2
        middle = square[start : start + self.crop, start : start + self.crop]
        return np.ascontiguousarray(middle, dtype=np.uint8)


def parse_view(given: str) -> View:
    """`native`, or `256-crop-224`: resized to 256 px, the middle 224 px kept.

    Raises:
        ValueError: it is neither.
    """
    if given == NATIVE:
        return View(NATIVE)
    found = _SQUARE.fullmatch(given)
    if not found or not 32 <= int(found[2]) <= int(found[1]):
        raise ValueError(f"{given!r}: 'native', or as in '256-crop-224', the second number from 32 to the first")
    return View(given, int(found[1]), int(found[2]))


def show(view: View, data: Path, folder: Path) -> list[LabelledPicture]:
    """The labelled pictures of a surface, seen so; where they have to be changed, their copies lie below `folder`.

    A defect whose mask is cropped away altogether is left out: such a picture shows a good middle.

    Raises:
        PictureError: there are none, or one cannot be read.
        OutputError: the folder cannot be written.
    """
    pictures = find_pictures(data)
    if view.resize is None:
        return pictures
    shown = (_copied(view, picture, folder) for picture in pictures)
    return [picture for picture in shown if picture is not None]


def _copied(view: View, picture: LabelledPicture, folder: Path) -> LabelledPicture | None:
    # Pictures may differ by their endings alone; a PNG's own name stays, for `--group` searches it.
    name = picture.path.name if picture.path.suffix == ".png" else f"{picture.path.name}.png"
    pixels = picture.read()
    mask = None
    if not picture.good and picture.mask is not None:
        truth = picture.truth(*pixels.shape[:2])
        assert truth is not None
        seen = view.mask(truth)
        if not seen.any():
            return None
        mask = folder / "ground_truth" / picture.kind / name
        _write(mask, seen.astype(np.uint8) * np.uint8(255))
    path = folder / picture.kind / name
    _write(path, view.picture(pixels)[..., ::-1])
    return LabelledPicture(path, picture.kind, mask)


def _write(file: Path, pixels: NDArray[np.uint8]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(file), pixels):
            raise PictureError(f"{file}: cannot be encoded")
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from error
