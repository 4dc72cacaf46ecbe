"""Defects drawn on the demonstration's web.

Drawn apart from the synthetic defects that training uses, so that the demonstration does not ask what it has taught.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Shade = NDArray[np.float32]
"""H×W, 0 where the surface is untouched, 1 where the defect covers it."""


def draw_blemish(rng: np.random.Generator, picture: Grey, kind: str) -> tuple[Grey, NDArray[np.bool_]]:
    """Draw one defect at a random place of a grey picture (H×W); returns the picture and the mask of what changed."""
    shade, colour = KINDS[kind](rng, picture)
    blended = picture * (1.0 - shade) + colour * shade
    result = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
    return result, shade > 0.15


def _crack(rng: np.random.Generator, picture: Grey) -> tuple[Shade, Shade]:
    """A dark line that wanders, forks and thins out."""
    drawn = np.zeros(picture.shape, np.uint8)
    heading = rng.uniform(0, 2 * np.pi)
    _wander(rng, drawn, _place(rng, picture.shape, 90), heading, length=int(rng.integers(70, 150)), width=3.5)
    return _soft(_shade(drawn), 0.8), np.full(picture.shape, rng.uniform(15, 40), np.float32)


def _wander(
    rng: np.random.Generator, drawn: Grey, start: NDArray[np.float64], heading: float, *, length: int, width: float
) -> None:
    point = start
    for step in range(0, length, 5):
        heading += rng.normal(0, 0.3)
        following = point + 5 * np.array([np.cos(heading), np.sin(heading)])
        thickness = max(1, round(width * (1 - step / length)))
        cv2.line(drawn, _pixel(point), _pixel(following), 255, thickness, cv2.LINE_AA)
        point = following
        if width > 2 and rng.random() < 0.08:
            fork = heading + rng.choice([-0.8, 0.8])
            _wander(rng, drawn, point, fork, length=(length - step) // 2, width=width / 2)


def _scratch(rng: np.random.Generator, picture: Grey) -> tuple[Shade, Shade]:
    """A bright, nearly straight line, as a tool's edge leaves it."""
    drawn = np.zeros(picture.shape, np.uint8)
    start, heading = _place(rng, picture.shape, 80), rng.uniform(0, 2 * np.pi)
    bow = rng.normal(0, 0.004)
    points = [start]
    for _ in range(int(rng.integers(60, 130))):
        heading += bow
        points.append(points[-1] + 1.5 * np.array([np.cos(heading), np.sin(heading)]))
    cv2.polylines(drawn, [np.array([_pixel(point) for point in points])], False, 255, 2, cv2.LINE_AA)
    return _shade(drawn) * np.float32(rng.uniform(0.6, 0.9)), np.full(picture.shape, 215.0, np.float32)


def _stain(rng: np.random.Generator, picture: Grey) -> tuple[Shade, Shade]:
    """Something soaked in: darker, with a ragged border, the surface still showing through."""
    blob = _blob(rng, picture.shape, radius=float(rng.uniform(24, 40)), ragged=0.35)
    soft = _soft(blob, 3.0) * np.float32(rng.uniform(0.55, 0.75))
    return soft, np.full(picture.shape, rng.uniform(20, 45), np.float32)


def _chip(rng: np.random.Generator, picture: Grey) -> tuple[Shade, Shade]:
    """A piece broken out: rough, brighter than the surface, with a shadow on one side."""
    blob = _blob(rng, picture.shape, radius=float(rng.uniform(12, 20)), ragged=0.5)
    rough = _soft(rng.normal(0, 1, picture.shape), 1.5)
    shadow = blob - np.roll(blob, (3, 4), axis=(0, 1))
    return blob, 165 + 60 * rough - 90 * np.clip(shadow, 0, 1)


def _patch(rng: np.random.Generator, picture: Grey) -> tuple[Shade, Shade]:
    """The surface itself, but wrong: a part of it turned by a quarter, as a bad splice shows."""
    size = int(rng.integers(60, 90))
    x, y = (int(value) for value in _place(rng, picture.shape, size))
    shade = np.zeros(picture.shape, np.float32)
    other = picture.astype(np.float32)
    y, x = y - size // 2, x - size // 2
    shade[y : y + size, x : x + size] = 1.0
    other[y : y + size, x : x + size] = np.rot90(picture[y : y + size, x : x + size])
    return _soft(shade, 1.0), other


KINDS: dict[str, Callable[[np.random.Generator, Grey], tuple[Shade, Shade]]] = {
    "crack": _crack,
    "scratch": _scratch,
    "stain": _stain,
    "chip": _chip,
    "patch": _patch,
}


def _blob(rng: np.random.Generator, shape: tuple[int, ...], *, radius: float, ragged: float) -> Shade:
    """A filled shape around a random place, its radius wavering by the share `ragged`."""
    centre = _place(rng, shape, int(radius * 1.6))
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waver = sum(rng.normal(0, 1 / order) * np.cos(order * angle + rng.uniform(0, 6)) for order in (2, 3, 4, 5))
    reach = radius * (1 + ragged * np.clip(waver, -1, 1))
    outline = centre + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    drawn = np.zeros(shape, np.uint8)
    cv2.fillPoly(drawn, [np.rint(outline).astype(np.int32)], 255, cv2.LINE_AA)
    return _shade(drawn)


def _place(rng: np.random.Generator, shape: tuple[int, ...], margin: int) -> NDArray[np.float64]:
    """A random point (x, y), `margin` px away from the border where the picture allows it."""
    height, width = shape[:2]
    return np.array([rng.uniform(min(margin, side / 2), max(side - margin, side / 2)) for side in (width, height)])


def _shade(drawn: Grey) -> Shade:
    """From 8 bits, the only depth on which OpenCV draws smooth edges."""
    return np.asarray(drawn / 255, np.float32)


def _soft(values: NDArray[np.floating], sigma: float) -> Shade:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
