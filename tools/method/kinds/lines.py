"""Thin defects: scratches, cracks, hairlines, fibres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.method import noise
from tools.method.kinds.surface import Drawn, Surface, contrasted, darkened, log_uniform, tint, weight
from tools.method.noise import Shade


def scratch(rng: np.random.Generator, surface: Surface) -> Drawn:
    """One to four nearly straight, nearly parallel lines of 1 to 3 px."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.6 / min(height, width))
    place = rng.uniform(0, 1, 2) * (width, height)
    thick = rng.uniform(0.7, 3.0)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 4]))):
        length = min(height, width) * log_uniform(rng, 0.15, 0.9)
        start = place + rng.normal(0, 5, 2)
        points = noise.walk(rng, start, heading + rng.normal(0, 0.05), length, bend=bend, wander=0.005)
        noise.stroke(shade, points, _tapered(len(points), thick, rng.uniform(0, 0.5)))
    return contrasted(rng, surface, shade), shade * weight(rng)


def crack(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A thin line, mostly dark, that wanders, forks and thins out."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    length = min(height, width) * log_uniform(rng, 0.15, 0.9)
    start, heading = rng.uniform(0.05, 0.95, 2) * (width, height), rng.uniform(0, 2 * np.pi)
    _fork(rng, shade, start, heading, length, thick=rng.uniform(0.8, 3.0), depth=2)
    shade = noise.softened(shade, rng.choice([0.0, 0.6]))
    return contrasted(rng, surface, shade, dark=0.85), shade * weight(rng, least=0.5)


def _fork(
    rng: np.random.Generator,
    shade: Shade,
    start: NDArray[np.float64],
    heading: float,
    length: float,
    *,
    thick: float,
    depth: int,
) -> None:
    points = noise.walk(rng, start, heading, length, bend=0.0, wander=rng.uniform(0.08, 0.25))
    noise.stroke(shade, points, _tapered(len(points), thick, 0.8))
    if depth == 0:
        return
    for index in rng.integers(len(points) // 5, len(points), rng.integers(0, 3)):
        side = heading + rng.choice([-1, 1]) * rng.uniform(0.3, 1.2)
        _fork(rng, shade, points[index], side, length * rng.uniform(0.2, 0.6), thick=thick * 0.7, depth=depth - 1)


def hairline(rng: np.random.Generator, surface: Surface) -> Drawn:
    """One or two hairline cracks: 0.7 to 1.5 px wide, long, hardly darker than the surface, often broken.

    Metal cracks along or across the way in which it was rolled or ground, so most run along the picture's axes.
    """
    height, width = surface.size
    side = min(height, width)
    shade = np.zeros((height, width), np.float32)
    along = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.12)
    heading = along if rng.random() < 0.6 else rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.1, 0.9, 2) * (width, height)
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        length = side * log_uniform(rng, 0.25, 1.3)
        start = middle - 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
        wander = log_uniform(rng, 0.02, 0.1)
        points = noise.walk(rng, start, heading, length, bend=rng.normal(0, 0.3 / side), wander=wander)
        noise.stroke(shade, points, rng.uniform(0.7, 1.5) * _broken(rng, len(points)))
        middle = middle + rng.normal(0, side / 6, 2)
    return darkened(rng, surface, shade, 3.5), shade


def _broken(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Widths along a line, 0 to 1: thinning here and there and towards both ends, half of the lines with gaps."""
    place = np.linspace(0, 1, count)
    swell = np.sin(2 * np.pi * (rng.uniform(0.5, 4) * place + rng.uniform(0, 1)))
    widths = (1 - rng.uniform(0, 0.25) * (1 + swell)) * np.clip(8 * np.minimum(place, 1 - place) + 0.4, 0, 1)
    if rng.random() < 0.5:
        for gap in rng.uniform(0.1, 0.9, rng.integers(1, 5)):
            widths[np.abs(place - gap) < rng.uniform(0.02, 0.07)] = 0
    return np.asarray(widths)


def fibre(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A thread or hair lying on the surface: long, thin, curling, of one colour."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    length = min(height, width) * rng.uniform(0.2, 1.2)
    bend = rng.normal(0, 5 / length)
    start, heading = rng.uniform(0.1, 0.9, 2) * (width, height), rng.uniform(0, 2 * np.pi)
    points = noise.walk(rng, start, heading, length, bend=bend, wander=rng.uniform(0.02, 0.12))
    noise.stroke(shade, points, np.full(len(points), rng.uniform(0.8, 2.5)))
    colour = contrasted(rng, surface, shade).mean(axis=(0, 1)) + tint(rng, surface.canvas, 60)
    return np.broadcast_to(colour, surface.canvas.shape), shade * weight(rng, least=0.5)


def _tapered(count: int, thick: float, by: float) -> NDArray[np.float64]:
    """Widths along a line, thinning towards its end by the share `by`."""
    widths: NDArray[np.float64] = thick * (1 - by * np.linspace(0, 1, count))
    return widths
