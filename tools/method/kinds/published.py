"""The published kinds of defects (CSE.md), in Perlin masks."""

from __future__ import annotations

import cv2
import numpy as np

from tools.method import noise
from tools.method.kinds.augmenters import augmented
from tools.method.kinds.surface import Drawn, Surface, elsewhere, planes, tint, weight


def structural(rng: np.random.Generator, surface: Surface) -> Drawn:
    """The picture itself, augmented, its 8×8 grid shuffled."""
    height, width = surface.size
    tall, wide = -(-height // 8), -(-width // 8)
    toned = augmented(rng, surface.canvas, int(rng.integers(1, 4)))
    square = planes(cv2.resize, toned, (8 * wide, 8 * tall), None, 0, 0, cv2.INTER_NEAREST)
    cells = square.reshape(8, tall, 8, wide, -1).swapaxes(1, 2).reshape(64, tall, wide, -1)
    shuffled = rng.permutation(cells).reshape(8, 8, tall, wide, -1).swapaxes(1, 2).reshape(square.shape)
    return shuffled[:height, :width], noise.perlin_mask(rng, height, width) * weight(rng)


def textural(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Another texture: a grain that does not belong here, or a good picture made strange by three augmenters."""
    height, width = surface.size
    if rng.random() < 0.5:
        level, contrast = rng.uniform(20, 235), rng.uniform(8, 60)
        colour = tint(rng, surface.canvas, 30)
        donor = np.float32(level) + colour + noise.grain(rng, height, width)[..., None] * np.float32(contrast)
    else:
        donor = elsewhere(rng, surface, scale=rng.uniform(0.3, 3.0), degrees=rng.uniform(20, 160))
        donor = augmented(rng, donor, 3)
    mask = noise.softened(noise.perlin_mask(rng, height, width), rng.uniform(0, 1.5))
    return donor, mask * weight(rng)


def blur(rng: np.random.Generator, surface: Surface) -> Drawn:
    """The picture out of focus, in a Perlin mask or a round: Gaussian of 5 to 15 px, sigma 6."""
    side = 2 * int(rng.integers(2, 8)) + 1
    shape = noise.perlin_mask if rng.random() < 0.5 else noise.blob
    mask = noise.softened(shape(rng, *surface.size), 1.0)
    return planes(cv2.GaussianBlur, surface.canvas, (side, side), 6), mask
