"""The surface that a defect is drawn on, and what the kinds of defects share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.method.noise import Shade

Picture = NDArray[np.uint8]
"""H×W×3 RGB."""
Canvas = NDArray[np.float32]
"""H×W×C, grey levels 0 to 255; one channel where the picture is grey."""
Drawn = tuple[Canvas | np.float32 | float, Shade]
"""What a kind of defect is: new pixels (or one grey level), and how far they cover the old ones."""

VISIBLE = 8.0
"""Mean change under the mask, in grey levels, that can be seen on a smooth surface."""
VISIBLE_IN_GRAIN = 0.9
"""How much more is asked on a rough one, in standard deviations of its grain. Two places of a stationary texture
differ by 1.13 of them on average; what is pasted has to differ by more than that, for it to be a defect at all."""
THIN = 1.5
"""How much more the middle of a line or dot of about 1 px changes than its mask on average: it is mostly border."""
GRAIN_WINDOW = 15
"""Grain is what varies within this many px, in the median over the picture: edges of a pattern do not count."""


@dataclass(frozen=True)
class Surface:
    """The good picture to spoil, and others to take patches from."""

    canvas: Canvas
    others: Sequence[Picture]
    grain: float
    """Standard deviation within `GRAIN_WINDOW`, grey levels."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.canvas.shape[0], self.canvas.shape[1]

    def visible(self, in_grain: float = VISIBLE_IN_GRAIN) -> float:
        """Mean change that can be seen here, grey levels."""
        return VISIBLE + in_grain * self.grain


def prepared(picture: Picture, others: Sequence[Picture]) -> Surface:
    """A picture as the kinds want it: one channel where it is grey."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    grey = np.array_equal(red, green) and np.array_equal(green, blue)
    canvas = (picture[..., :1] if grey else picture).astype(np.float32)
    return Surface(canvas, others, _grain(canvas))


def _grain(canvas: Canvas) -> float:
    grey = canvas.mean(axis=2)
    variance = around(grey * grey) - around(grey) ** 2
    return float(np.sqrt(max(0.0, float(np.median(variance[::4, ::4])))))


def around(canvas: Canvas) -> Canvas:
    """The mean within `GRAIN_WINDOW` around each pixel."""
    return np.asarray(cv2.blur(canvas, (GRAIN_WINDOW, GRAIN_WINDOW)), np.float32).reshape(canvas.shape)


def weight(rng: np.random.Generator, least: float = 0.3) -> np.float32:
    """How far a defect covers what was there; donors blended in are harder than pasted ones (DRAEM)."""
    return np.float32(rng.uniform(least, 1.0))


def log_uniform(rng: np.random.Generator, least: float, most: float) -> float:
    """Between `least` and `most`, any factor as likely as any other: small values more often than large ones."""
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def shift(
    rng: np.random.Generator, surface: Surface, shade: Shade, least: float, most: float, *, dark: float
) -> np.float32:
    """A change of brightness of `least` to `most` grey levels, faint more often than strong, darker with the
    probability `dark`, but towards where there is room for it.
    """
    level = _level(surface, shade)
    amount = log_uniform(rng, least, most)
    darker = rng.random() < dark
    if (level if darker else 255 - level) < min(amount, 40):
        darker = not darker
    return np.float32(-amount if darker else amount)


def contrasted(rng: np.random.Generator, surface: Surface, shade: Shade, dark: float = 0.55) -> Canvas:
    """The surface made darker or brighter, as the inside of a thin defect shows it."""
    changed: Canvas = surface.canvas + shift(rng, surface, shade, 30, 160, dark=dark)
    return changed


def darkened(rng: np.random.Generator, surface: Surface, shade: Shade, strongest: float) -> Canvas:
    """The surface darker in a thin defect: by just what can be seen, up to `strongest` times that, as far as there is
    room below; brighter on a surface too dark for it, and now and then on others.
    """
    faintest = THIN * surface.visible()
    most = min(strongest * faintest, 0.95 * _level(surface, shade))
    darker: Canvas = surface.canvas + shift(rng, surface, shade, faintest, max(1.05 * faintest, most), dark=0.96)
    return darker


def _level(surface: Surface, shade: Shade) -> float:
    """Mean grey level where the defect will be."""
    inside = surface.canvas[shade > 0.3]
    return float(inside.mean()) if inside.size else 127.0


def tint(rng: np.random.Generator, canvas: Canvas, most: float) -> NDArray[np.float32]:
    """A shift of colour that keeps grey pictures grey."""
    channels = canvas.shape[2]
    colour = rng.normal(0, most / 2, channels) if channels == 3 else np.zeros(1)
    return np.asarray(colour, np.float32)


def elsewhere(rng: np.random.Generator, surface: Surface, *, scale: float, degrees: float) -> Canvas:
    """Another good picture (this one, where there is none), shifted, turned and scaled, at this picture's size."""
    height, width = surface.size
    channels = surface.canvas.shape[2]
    if len(surface.others):
        donor = surface.others[int(rng.integers(len(surface.others)))][..., :channels].astype(np.float32)
    else:
        donor = surface.canvas
    middle = donor.shape[1] / 2, donor.shape[0] / 2
    warp = cv2.getRotationMatrix2D(middle, float(degrees), float(scale))
    warp[:, 2] += (width / 2 - middle[0], height / 2 - middle[1]) + rng.uniform(-0.5, 0.5, 2) * (width, height)
    return planes(
        cv2.warpAffine, donor, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def planes(operation: Callable[..., NDArray[np.generic]], canvas: Canvas, *args: object, **options: object) -> Canvas:
    """Run an OpenCV operation, which drops the axis of a single channel."""
    result = np.asarray(operation(canvas, *args, **options), np.float32)
    return result[..., None] if result.ndim == 2 else result
