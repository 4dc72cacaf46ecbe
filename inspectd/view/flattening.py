"""A flat field from frames of an evenly white surface, and of darkness (`inspectd flat-field`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.errors import ViewError
from inspectd.view.flat_field import MAX_GAIN, MIN_GAIN, FlatField

SATURATED: Final = 254
"""A white frame's value from which on it says nothing of how much light there was."""
MOST_SATURATED: Final = 0.001
"""Share of such pixels in what is inspected."""
LEAST_WHITE: Final = 32.0
"""Darkest mean of the white frames, over the dark ones: below, a level of rounding is more than 3 % of the light."""
DEAD: Final = 0.5
"""A pixel is dead where its answer to light is off by more than this share of what those around it see."""
LEAST_OFF: Final = 8.0
"""Fewest levels that it is then off: where there is hardly any light, noise is a large share."""
HOT: Final = 24.0
"""A pixel is hot where its dark value is so much over those around it."""
MOST_BAD: Final = 0.01
"""Share of dead and hot pixels from which on something else is wrong."""
_AROUND: Final = 5
"""Side of the square of pixels that one is compared with."""


@dataclass(frozen=True)
class Flattening:
    """A flat field and what is to be told of it."""

    flat: FlatField
    frames: int
    dark_frames: int
    mean: float
    """Of the inspected area, which stays as it is: over the white frames less the dark ones."""
    limited: int
    """Inspected pixels whose gain was cut to its limits."""

    def __str__(self) -> str:
        height, width = self.flat.size
        gain = self.flat.gain
        told = (
            f"{width}×{height} px, {self.frames} white and {self.dark_frames} dark frames, "
            f"mean {self.mean:.0f}, gain {gain.min():.2f} to {gain.max():.2f}, {len(self.flat.bad)} bad pixels"
        )
        return f"{told}; {self.limited} at the limit of {MIN_GAIN:g} or {MAX_GAIN:g}" if self.limited else told


def flatten(
    white: Iterable[NDArray[np.uint8]],
    dark: Iterable[NDArray[np.uint8]] | None = None,
    inspected: NDArray[np.bool_] | None = None,
) -> Flattening:
    """Make a flat field.

    Each channel is brought to its own mean over what is inspected, so that the colour of what is seen does not change.

    Args:
        white: frames of one size, H×W or H×W×3 (RGB), evenly white or the good surface itself as it moves by.
        dark: frames of the same size, taken with the lens covered.
        inspected: which pixels are, H×W; None for all.

    Raises:
        ViewError: there is none, they are of different sizes, too dark or too light, or too many pixels are bad.
    """
    light, frames = _mean(white, "white")
    black, dark_frames = (np.zeros_like(light), 0) if dark is None else _mean(dark, "dark", like=light)
    inside = np.ones(light.shape[:2], bool) if inspected is None else inspected
    if inside.shape != light.shape[:2]:
        raise ViewError(
            f"the frames are {light.shape[1]}×{light.shape[0]} px, what is inspected is "
            f"{inside.shape[1]}×{inside.shape[0]} px"
        )
    _check_exposure(light, inside)
    response = light - black
    mean = response[inside].mean(axis=0)
    if float(np.min(mean)) < LEAST_WHITE:
        raise ViewError(f"the white frames are too dark (mean {np.min(mean):.0f} of 255); expose longer")
    bad = _bad(response, black, inside)
    wanted = mean / np.maximum(response, 1e-3)
    gain = np.clip(wanted, MIN_GAIN, MAX_GAIN).astype(np.float32)
    limited = (gain != wanted.astype(np.float32)).reshape(*inside.shape, -1).any(axis=2)
    limited[tuple(bad.T)] = False
    limited &= inside
    flat = FlatField(gain, np.rint(black).astype(np.uint8), bad)
    return Flattening(flat, frames, dark_frames, float(np.mean(mean)), int(limited.sum()))


def _mean(
    pictures: Iterable[NDArray[np.uint8]], what: str, like: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], int]:
    """The mean of frames, and how many there are."""
    total, count = None, 0
    shape = None if like is None else like.shape
    for count, picture in enumerate(pictures, start=1):
        if shape is not None and picture.shape != shape:
            raise ViewError(f"{what} frame {count} has shape {picture.shape}, others {shape}; all must be alike")
        shape = picture.shape
        total = picture.astype(np.uint32) if total is None else total + picture
    if total is None:
        raise ViewError(f"there is no {what} frame")
    return (total / count).astype(np.float32), count


def _check_exposure(light: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
    share = float((light[inside] >= SATURATED).mean())
    if share > MOST_SATURATED:
        raise ViewError(f"{share:.1%} of the white frames' pixels are saturated; expose more briefly, to about 200")


def _bad(response: NDArray[np.float32], black: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Dead and hot pixels (N×2: y, x), by what is around them."""
    around = _median(response)
    dead = np.abs(response - around) > np.maximum(DEAD * around, LEAST_OFF)
    hot = black - _median(black) > HOT
    bad = (dead | hot).reshape(*inside.shape, -1).any(axis=2)
    if (share := float(bad[inside].mean())) > MOST_BAD:
        raise ViewError(f"{share:.1%} of the pixels are dead or hot; is the white surface even, and out of focus?")
    return np.argwhere(bad).astype(np.int32)


def _median(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.medianBlur(picture, _AROUND), np.float32)
