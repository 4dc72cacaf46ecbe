"""Synthetic defects: good pictures spoilt in the ways in which real surfaces spoil.

The published kinds (structural, textural, blur, in Perlin masks) stand beside those that lines really produce:
scratches, cracks, specks, pin-holes, stains, uneven light or finish, chipped edges and the like (CSE.md: harder, more
realistic defects matter more than anything in the loss, and defects too faint to see or with ragged masks are noise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.method.kinds import areas, lines, published, spots
from tools.method.kinds.surface import VISIBLE_IN_GRAIN, Canvas, Drawn, Picture, Surface, prepared
from tools.method.noise import Shade

__all__ = ["CHANGED", "KINDS", "SMALLEST", "Picture", "SyntheticDefect", "draw"]

SMALLEST = 32
"""Least side of a picture, px."""
CHANGED = 6.0
"""Grey levels by which a pixel, or its neighbourhood on average, has changed where the mask holds."""
LEAST_PIXELS = 5
"""Smallest defect: a pin-hole."""
MOST_AREA = 0.7
"""Largest one, as a share of the picture: what covers more is the surface."""
ATTEMPTS = 8

KINDS: dict[str, Callable[[np.random.Generator, Surface], Drawn]] = {
    "structural": published.structural,
    "textural": published.textural,
    "blur": published.blur,
    "scratch": lines.scratch,
    "crack": lines.crack,
    "hairline": lines.hairline,
    "fibre": lines.fibre,
    "specks": spots.specks,
    "pinholes": spots.pinholes,
    "hole": spots.hole,
    "dent": spots.dent,
    "patch": areas.patch,
    "stain": areas.stain,
    "unevenness": areas.unevenness,
    "chip": areas.chip,
}
SEEN_IN_GRAIN = {"blur": 0.0}
"""Kinds of which less is asked on a rough surface than `VISIBLE_IN_GRAIN`. Out of focus, a surface loses its grain: the
change cannot be larger than that. Large faint areas are asked for as much as others: where they were not, what was
learned of a rough paper was mostly label noise."""


@dataclass(frozen=True)
class SyntheticDefect:
    """A good picture with a defect drawn on it."""

    pixels: Picture
    mask: NDArray[np.bool_]
    """H×W, where the picture visibly changed."""
    kind: str


def draw(
    rng: np.random.Generator, picture: Picture, others: Sequence[Picture], kind: str | None = None
) -> SyntheticDefect:
    """Draw one defect that can be seen.

    Args:
        rng: decides everything; the same state gives the same defect.
        picture: H×W×3 RGB, at least 32 px each way. It is not changed.
        others: more good pictures of the surface, donors of patches, of any size; may be empty.
        kind: one of `KINDS`; None draws one at random. A kind that cannot be seen on this picture (blur, on a smooth
            one) gives way to another.
    """
    surface = prepared(picture, others)
    names = list(KINDS)
    for attempt in range(ATTEMPTS):
        name = kind if kind and attempt < ATTEMPTS // 2 else names[rng.integers(len(names))]
        content, shade = KINDS[name](rng, surface)
        spoilt = _blended(surface.canvas, content, shade)
        change = _change(surface.canvas, spoilt)
        mask = _mask(change, shade)
        if _visible(change, mask, surface.visible(SEEN_IN_GRAIN.get(name, VISIBLE_IN_GRAIN))):
            return _finished(picture, spoilt, mask, name)
    return _finished(picture, *_spot(rng, surface), "specks")


def _finished(picture: Picture, spoilt: Canvas, mask: NDArray[np.bool_], kind: str) -> SyntheticDefect:
    pixels = np.ascontiguousarray(np.broadcast_to(spoilt.astype(np.uint8), picture.shape))
    return SyntheticDefect(pixels, mask, kind)


def _blended(canvas: Canvas, content: Canvas | np.float32 | float, shade: Shade) -> Canvas:
    spoilt = canvas + shade[..., None] * (content - canvas)
    rounded: Canvas = np.clip(np.rint(spoilt), 0, 255)
    return rounded


def _change(before: Canvas, after: Canvas) -> Shade:
    """H×W, grey levels by which the channel that changed most has changed."""
    change = np.abs(after - before)
    largest = change[..., 0]
    for channel in range(1, change.shape[2]):  # several times quicker than a maximum over the last axis
        largest = np.maximum(largest, change[..., channel])
    return np.ascontiguousarray(largest)


def _mask(change: Shade, shade: Shade) -> NDArray[np.bool_]:
    """Every pixel that visibly changed, and those between them where old and new happen to agree."""
    changed = change >= CHANGED
    near = np.asarray(cv2.blur(change, (5, 5))) >= CHANGED
    about = np.asarray(cv2.blur(change, (9, 9))) >= CHANGED
    mask: NDArray[np.bool_] = changed | ((shade > 0.1) & near) | ((shade > 0.5) & about)
    return mask


def _visible(change: Shade, mask: NDArray[np.bool_], asked: float) -> bool:
    if np.count_nonzero(mask) < LEAST_PIXELS or mask.mean() > MOST_AREA:
        return False
    return float(change[mask].mean()) >= asked


def _spot(rng: np.random.Generator, surface: Surface) -> tuple[Canvas, NDArray[np.bool_]]:
    """What is always seen: a spot of the far end of the scale."""
    height, width = surface.size
    y, x = int(rng.integers(2, height - 4)), int(rng.integers(2, width - 4))
    spoilt = surface.canvas.copy()
    block = spoilt[y : y + 3, x : x + 3]
    block[:] = 0.0 if block.mean() > 127 else 255.0
    mask = np.zeros((height, width), bool)
    mask[y : y + 3, x : x + 3] = True
    return spoilt, mask
