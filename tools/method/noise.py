"""Random shapes and grain: what synthetic defects are cut from and filled with.

All lengths are px. Everything is decided by the generator that is passed in.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Shade = NDArray[np.float32]
"""H×W, from 0, untouched, to 1, covered."""

PERLIN_THRESHOLD = 0.5
PERLIN_OCTAVES = 6
"""Perlin grids have 2^0 to 2^5 cells an axis (CSE.md), as far as a cell keeps `PERLIN_CELL`."""
PERLIN_CELL = 7
"""Least side of a cell, px: that of 2^5 cells on the published 224 px."""
FINE = 4
"""Lines and dots are drawn this many times larger and made smaller, to be as thin and as smooth as they should be."""
LEAST_AREA = 100 / 224**2
"""Smallest Perlin mask as a share of the picture: 100 px of the published 224×224 (CSE.md)."""


def perlin(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> Shade:
    """Perlin's gradient noise on a grid of rows×columns cells, about -0.7 to 0.7 (Perlin 1985, fade of 2002)."""
    angle = rng.uniform(0, 2 * np.pi, (rows + 1, columns + 1)).astype(np.float32)
    y = np.linspace(0, rows, height, endpoint=False, dtype=np.float32)
    x = np.linspace(0, columns, width, endpoint=False, dtype=np.float32)
    row, column = y.astype(np.intp), x.astype(np.intp)
    dy: Shade = (y - row).astype(np.float32)[:, None]
    dx: Shade = (x - column).astype(np.float32)[None, :]
    cosine, sine = np.cos(angle), np.sin(angle)

    def corner(down: int, right: int) -> Shade:
        grid = np.ix_(row + down, column + right)
        return np.asarray(cosine[grid] * (dx - np.float32(right)) + sine[grid] * (dy - np.float32(down)), np.float32)

    fade_y, fade_x = _fade(dy), _fade(dx)
    top = corner(0, 0) * (1 - fade_x) + corner(0, 1) * fade_x
    bottom = corner(1, 0) * (1 - fade_x) + corner(1, 1) * fade_x
    return np.asarray(top * (1 - fade_y) + bottom * fade_y, np.float32)


def _fade(t: NDArray[np.float32]) -> NDArray[np.float32]:
    faded = t * t * t * (t * (t * 6 - 15) + 10)
    return np.asarray(faded, np.float32)


def perlin_mask(rng: np.random.Generator, height: int, width: int) -> Shade:
    """The published mask: Perlin noise, turned by up to 90° either way, above 0.5 (CSE.md). 0 or 1.

    Drawn again until it has the least area, and, other than published, until it leaves most of the picture alone.
    """
    octaves = [min(PERLIN_OCTAVES, int(np.log2(side / PERLIN_CELL)) + 1) for side in (height, width)]
    for _ in range(8):
        rows, columns = (2 ** rng.integers(0, octaves)).tolist()
        noise = _turned(perlin(rng, height, width, rows, columns), rng.uniform(-90, 90))
        mask = (noise * np.float32(np.sqrt(2)) > PERLIN_THRESHOLD).astype(np.float32)
        if LEAST_AREA <= mask.mean() <= 0.6:
            return mask
    return blob(rng, height, width)


def _turned(noise: Shade, degrees: float) -> Shade:
    height, width = noise.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(noise, turn, (width, height), borderMode=cv2.BORDER_CONSTANT), np.float32)


def one_piece(rng: np.random.Generator, mask: Shade) -> Shade:
    """One connected piece of a mask, chosen at random among the larger ones."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
    if count < 3:
        return mask
    areas = np.asarray(boxes[1:, cv2.CC_STAT_AREA])
    large = np.flatnonzero(areas >= areas.max() / 4) + 1
    return np.asarray(labels == rng.choice(large), np.float32)


def blob(rng: np.random.Generator, height: int, width: int, *, least: float = 0.03, most: float = 0.2) -> Shade:
    """A filled, ragged round: its radius is `least` to `most` of the picture's shorter side. 0 or 1."""
    side = min(height, width)
    radius = max(2.0, side * np.exp(rng.uniform(np.log(least), np.log(most))))
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = [rng.normal(0, 0.35 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi)) for order in range(2, 7)]
    reach = radius * np.clip(1 + np.sum(waves, axis=0), 0.3, 1.9)
    stretch, lean = np.exp(rng.normal(0, 0.35)), rng.uniform(0, np.pi)
    points = np.stack([reach * np.cos(angle) * stretch, reach * np.sin(angle) / stretch], axis=1)
    rotation = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    outline = points @ rotation.T + rng.uniform(0, 1, 2) * (width, height)
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    return mask


def box(rng: np.random.Generator, height: int, width: int) -> Shade:
    """A rectangle, often long and thin, sometimes at a slant, as CutPaste cuts (Li et al., CVPR 2021). 0 or 1."""
    area = height * width * np.exp(rng.uniform(np.log(0.005), np.log(0.1)))
    ratio = np.exp(rng.uniform(0, np.log(6)) * rng.choice([-1, 1]))
    size = max(3.0, np.sqrt(area * ratio)), max(3.0, np.sqrt(area / ratio))
    centre = rng.uniform(0, 1, 2) * (width, height)
    slant = rng.uniform(0, 90) if rng.random() < 0.5 else 0.0
    corners = cv2.boxPoints((tuple(centre.tolist()), size, slant))
    mask = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1.0)
    return mask


def bite(rng: np.random.Generator, height: int, width: int) -> Shade:
    """A piece broken out of one of the picture's edges or corners, its outline round or in facets. 0 or 1."""
    turns = int(rng.integers(4))
    tall, wide = (height, width) if turns % 2 == 0 else (width, height)  # drawn on the left edge, then turned
    side = min(height, width)
    half = side * np.exp(rng.uniform(np.log(0.05), np.log(0.35)))
    depth = min(side * np.exp(rng.uniform(np.log(0.03), np.log(0.2))), 1.5 * half)
    corner = rng.random() < 0.3
    middle = 0.0 if corner else rng.uniform(0, tall)
    facets = np.linspace(-np.pi / 2, np.pi / 2, int(rng.integers(5, 10)))
    reach = np.clip(1 + rng.normal(0, 0.15, len(facets)), 0.6, 1.4)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 40) if rng.random() < 0.5 else facets
    reach = np.interp(angle, facets, reach)
    outline = np.stack([depth * reach * np.cos(angle), middle + half * reach * np.sin(angle)], axis=1)
    outline[[0, -1], 0] = -2.0
    mask = np.zeros((tall, wide), np.float32)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    return np.ascontiguousarray(np.rot90(mask, turns))


def band(rng: np.random.Generator, height: int, width: int, fade: float) -> Shade:
    """A strip across the picture, one side of it or a corner, at most about half of it, with a slightly wavy border.

    Args:
        rng: decides the band.
        height: px.
        width: px.
        fade: px over which its border fades, either way.
    """
    angle = rng.integers(4) * np.pi / 2 + (rng.normal(0, 0.06) if rng.random() < 0.7 else rng.uniform(0.3, 1.2))
    y = (np.arange(height, dtype=np.float32) - height / 2)[:, None]
    x = (np.arange(width, dtype=np.float32) - width / 2)[None, :]
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    across, along = x * cosine + y * sine, y * cosine - x * sine
    side = min(height, width)
    for waves in (rng.uniform(0.2, 1), rng.uniform(1, 4)):
        turn = np.float32(2 * np.pi * waves / side)
        across = across + np.float32(rng.normal(0, 0.015) * side / waves) * np.cos(
            turn * along + np.float32(rng.uniform(0, 2 * np.pi))
        )
    reach = np.float32(0.5 * (width * abs(cosine) + height * abs(sine)))
    if rng.random() < 0.35:
        half = rng.uniform(0.04, 0.22) * side
        inside = half - np.abs(across - np.float32(rng.uniform(-0.8, 0.8)) * reach)
    else:
        inside = across - reach * np.float32(rng.uniform(0.05, 0.8))
    return _fade(np.clip(0.5 + inside / np.float32(2 * fade), 0, 1))


def dots(
    rng: np.random.Generator, size: tuple[int, int], places: NDArray[np.float64], radii: NDArray[np.float64]
) -> Shade:
    """Small filled rounds.

    Args:
        rng: decides how each is turned.
        size: height and width of the picture.
        places: N×2, x and y.
        radii: N×2, along and across.
    """
    canvas = np.zeros((size[0] * FINE, size[1] * FINE), np.uint8)
    axes = np.maximum(np.rint(8 * FINE * radii - 4), 1).astype(int).tolist()  # OpenCV's rounds are half a px larger
    for centre, axis in zip(_fixed(places), axes, strict=True):
        cv2.ellipse(canvas, centre, axis, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_8, 3)
    return _coarse(canvas, size)


def _fixed(points: NDArray[np.float64]) -> list[list[int]]:
    """Points on a canvas `FINE` times larger, in eighths of a px, as OpenCV wants fractions."""
    fixed: list[list[int]] = np.rint(8 * (FINE * (points + 0.5) - 0.5)).astype(int).tolist()
    return fixed


def _coarse(canvas: NDArray[np.uint8], size: tuple[int, int]) -> Shade:
    shade = cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(shade, np.float32) / np.float32(255)


def softened(mask: Shade, sigma: float) -> Shade:
    """The mask with its border faded over about 2·`sigma` px."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32) if sigma > 0.2 else mask


def walk(
    rng: np.random.Generator, start: NDArray[np.float64], heading: float, length: float, *, bend: float, wander: float
) -> NDArray[np.float64]:
    """Points (x, y) of a line of `length` px.

    Args:
        rng: decides the line.
        start: its first point.
        heading: its first direction, radians.
        length: px.
        bend: steady curvature, radians per px.
        wander: random turning, radians per px and its root.
    """
    step = max(1.0, length / 48)
    count = max(2, round(length / step))
    headings = heading + np.cumsum(bend * step + rng.normal(0, wander * np.sqrt(step), count))
    moves = step * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    points: NDArray[np.float64] = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    return points


def stroke(canvas: Shade, points: NDArray[np.float64], widths: NDArray[np.float64]) -> None:
    """Draw a line of varying width on the canvas: px, one for each point; it is broken where the width is 0."""
    line = np.zeros((canvas.shape[0] * FINE, canvas.shape[1] * FINE), np.uint8)
    fixed = _fixed(points)
    for start, end, width in zip(fixed, fixed[1:], (FINE * widths).tolist(), strict=False):
        # OpenCV's lines are an odd number of px wide, one more than an even thickness: the next wider one, fainter.
        thick = 2 * max(0, math.ceil((width - 1) / 2))
        if width > 0:
            cv2.line(line, start, end, 255 * width / (thick + 1), max(1, thick), cv2.LINE_8, 3)
    np.maximum(canvas, _coarse(line, canvas.shape), out=canvas)


def grain(rng: np.random.Generator, height: int, width: int) -> Shade:
    """A procedural texture, mean 0 and standard deviation 1: noise at one scale, ridges, stripes or cells."""
    scale = 2 ** rng.uniform(0, np.log2(max(4, min(height, width) / 6)))
    rows, columns = max(2, round(height / scale)), max(2, round(width / scale))
    coarse = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    noise = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    match rng.integers(0, 4):
        case 1:
            noise = np.abs(noise)
        case 2:
            noise = _stripes(rng, height, width, scale) + 0.4 * noise
        case 3:
            noise = np.sign(noise) + 0.3 * noise
    centred: Shade = noise - noise.mean()
    return centred / np.float32(centred.std() + 1e-6)


def _stripes(rng: np.random.Generator, height: int, width: int, scale: float) -> Shade:
    angle = rng.uniform(0, np.pi)
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    phase = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(np.pi / max(1.5, scale))
    stripes: Shade = np.sin(phase)
    return stripes
