"""Random shapes and grain: what synthetic defects are cut from and filled with.

All lengths are px. Everything is decided by the generator that is passed in.
"""

from __future__ import annotations

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
    """Draw a line of varying width (px, one for each point) on the canvas; below 1 px it gets fainter, not thinner."""
    fixed = np.rint(points * 8).astype(np.int32).tolist()  # 3 bits of fraction, for smooth lines
    line = np.zeros(canvas.shape, np.uint8)  # OpenCV smooths lines on 8 bits only
    for start, end, width in zip(fixed, fixed[1:], widths.tolist(), strict=False):
        cv2.line(line, start, end, 255 * min(1.0, width), max(1, round(width)), cv2.LINE_AA, 3)
    np.maximum(canvas, line.astype(np.float32) / 255, out=canvas)


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
