"""Labelled pictures of a surface, in one of two layouts.

good/*  <defect>/*  ground_truth/<defect>/<stem>_mask.png
test/good/*  test/<defect>/*  ground_truth/<defect>/<stem>_mask.png      (as MVTec AD is delivered)
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import PictureError
from tools.pictures import SUFFIXES, list_pictures, natural_key, read_rgb

GOOD = "good"
GROUND_TRUTH = "ground_truth"
_NO_DEFECTS = frozenset({GOOD, GROUND_TRUTH, "train", "test"})


@dataclass(frozen=True)
class LabelledPicture:
    """A picture and the truth about it."""

    path: Path
    kind: str
    """`good`, or the name of its defect."""
    mask: Path | None = None
    """Picture of the defect's place; None where it is good or nobody has marked it."""

    @property
    def good(self) -> bool:
        """Whether it should pass."""
        return self.kind == GOOD

    def read(self) -> NDArray[np.uint8]:
        """H×W×3 RGB, decoded as the daemon does.

        Raises:
            PictureError: it cannot be read.
        """
        return read_rgb(self.path)

    def truth(self, height: int, width: int) -> NDArray[np.bool_] | None:
        """H×W, where the defect is; nowhere on a good picture, None where nobody has marked it.

        Raises:
            PictureError: the mask cannot be read, is of another size than the picture, or marks nothing.
        """
        if self.good:
            return np.zeros((height, width), bool)
        if self.mask is None:
            return None
        truth = np.asarray(read_rgb(self.mask).max(axis=2) > 127)
        if truth.shape != (height, width):
            raise PictureError(
                f"{self.mask}: {truth.shape[1]}×{truth.shape[0]} px, its picture {self.path.name} has "
                f"{width}×{height} px; a mask must have the size of its picture"
            )
        if not truth.any():
            raise PictureError(
                f"{self.mask}: marks nothing (no pixel above 127); mark the defect with 255, or remove the mask"
            )
        return truth


def find_pictures(data: Path, good: Path | None = None) -> list[LabelledPicture]:
    """List the labelled pictures below `data`, the good ones first.

    Args:
        data: a folder in one of the two layouts.
        good: folder to take the good pictures from instead.

    Raises:
        PictureError: there is no such folder, or no good picture in it.
    """
    if not data.is_dir():
        raise PictureError(f"--data {data}: no such folder")
    root = data / "test" if (data / "test").is_dir() else data
    good_folder = good or root / GOOD
    if not good_folder.is_dir():
        raise PictureError(
            f"{good_folder}: no such folder; good pictures are looked for in {GOOD}/ or test/{GOOD}/ "
            "of --data, or in the folder that --good names"
        )
    pictures = [LabelledPicture(file, GOOD) for file in list_pictures(good_folder)]
    if not pictures:
        raise PictureError(
            f"{good_folder}: no picture in this folder ({', '.join(sorted(SUFFIXES))}); without good pictures "
            "there are no false rejects to count"
        )
    for folder in sorted(root.iterdir(), key=lambda entry: natural_key(entry.name)):
        if folder.is_dir() and folder.name not in _NO_DEFECTS and not folder.name.startswith("."):
            masks = _masks_in(data / GROUND_TRUTH / folder.name)
            pictures += [LabelledPicture(file, folder.name, masks.get(file.stem)) for file in list_pictures(folder)]
    return pictures


def _masks_in(folder: Path) -> dict[str, Path]:
    """Masks by the stem of their picture: `<stem>_mask.png`, or `<stem>.png`."""
    if not folder.is_dir():
        return {}
    return {file.stem.removesuffix("_mask"): file for file in list_pictures(folder)}


def learned_among(pictures: Sequence[LabelledPicture], learned_sha256: Collection[str]) -> int:
    """How many of the good pictures a bundle has seen, by the hashes that its manifest keeps.

    Raises:
        PictureError: one of them cannot be read.
    """
    seen = frozenset(learned_sha256)
    good = [picture.path for picture in pictures if picture.good]
    try:
        return sum(hashlib.sha256(path.read_bytes()).hexdigest() in seen for path in good)
    except OSError as error:
        raise PictureError(f"{error.filename}: cannot be read: {error.strerror or error}") from error
