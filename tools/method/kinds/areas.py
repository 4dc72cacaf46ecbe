"""Larger defects: patches, stains, unevenness, chips."""

from __future__ import annotations

import numpy as np

from tools.method import noise
from tools.method.kinds.surface import Canvas, Drawn, Surface, around, elsewhere, log_uniform, shift, tint
from tools.method.noise import Shade


def patch(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A patch of another good picture, its colour matched to the place, its scale or contrast not quite.

    Without that a patch of a stationary texture would be no defect at all, and its label a lie.
    """
    height, width = surface.size
    shape = noise.box if rng.random() < 0.6 else noise.blob
    mask = shape(rng, height, width)
    scale = 2.0 ** (rng.choice([-1, 1]) * rng.uniform(0.4, 1.2))
    donor = elsewhere(rng, surface, scale=scale, degrees=rng.choice([0, 90, 180, 270, rng.uniform(10, 80)]))
    inside = mask > 0.5
    if inside.any():
        here, there = surface.canvas[inside].mean(axis=0), donor[inside].mean(axis=0)
        donor = (donor - there) * np.float32(np.exp(rng.normal(0, 0.35))) + here
    donor = donor + np.float32(rng.normal(0, 10))
    return donor, noise.softened(mask, rng.uniform(0, 1.2)) * np.float32(rng.uniform(0.7, 1.0))


def stain(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Something soaked in: a soft, faint shift of brightness or colour, the surface still showing through."""
    height, width = surface.size
    mask = noise.blob(rng, height, width, least=0.06, most=0.3)
    if rng.random() < 0.4:
        mask = noise.one_piece(rng, noise.perlin_mask(rng, height, width))
    soft = noise.softened(mask, min(height, width) * rng.uniform(0.005, 0.04))
    if rng.random() < 0.25:  # dried: darkest at the rim
        soft = soft * (1.2 - 0.9 * noise.softened(mask, min(height, width) * 0.04))
    uneven = np.clip(1 + 0.15 * noise.grain(rng, height, width), 0.3, 1.5) if rng.random() < 0.3 else 1.0
    change = shift(rng, surface, soft, 14, 70, dark=0.7) + tint(rng, surface.canvas, 25)
    return surface.canvas + change, np.clip(soft * uneven, 0, 1).astype(np.float32)


def unevenness(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A band, side, corner or large round of the picture, a bit brighter or darker, its grain stronger or weaker.

    The border is sharp, as where a grinding wheel stopped, or fades, as where a coat runs out. Where it fades the grain
    stays as it is: its single pixels would leave the mask a ragged border.
    """
    height, width = surface.size
    side = min(height, width)
    sharp = rng.random() < 0.6
    fade = rng.uniform(0.5, 2.5) if sharp else side * rng.uniform(0.03, 0.15)
    if rng.random() < 0.75:
        shade = noise.band(rng, height, width, fade)
    else:
        shade = noise.softened(noise.blob(rng, height, width, least=0.18, most=0.4), fade)
    change = shift(rng, surface, shade, 10, 30, dark=0.5) * np.float32(1 + 0.03 * surface.grain)
    content = surface.canvas + change
    if sharp:  # more light brings out the grain
        gain = np.exp(rng.normal(0.25 * np.sign(change), 0.3))
        content = content + np.float32(gain - 1) * (surface.canvas - around(surface.canvas))
    return content, shade


def chip(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A bite out of an edge or corner: the broken face, darker and smoother, or what lies behind it."""
    height, width = surface.size
    mask = noise.bite(rng, height, width)
    face = _behind(rng, surface) if rng.random() < 0.35 else _broken_face(rng, surface, mask)
    rim = np.clip(mask - noise.softened(mask, rng.uniform(0.8, 2.0)), 0, 1)[..., None]
    return face + rim * np.float32(rng.normal(-20, 30)), noise.softened(mask, rng.uniform(0.3, 0.9))


def _behind(rng: np.random.Generator, surface: Surface) -> Canvas:
    """The background: mostly black, sometimes a lamp's white, with hardly any grain."""
    level = rng.uniform(0, 30) if rng.random() < 0.75 else rng.uniform(220, 255)
    return np.asarray(level + rng.normal(0, 2, surface.canvas.shape), np.float32)


def _broken_face(rng: np.random.Generator, surface: Surface, mask: Shade) -> Canvas:
    inside = mask > 0.5
    level = surface.canvas[inside].mean(axis=0) if inside.any() else surface.canvas.mean(axis=(0, 1))
    left = np.float32(rng.uniform(0, 0.4)) * (surface.canvas - level)  # of the surface's own pattern
    rough = noise.grain(rng, *surface.size)[..., None] * np.float32(log_uniform(rng, 1, 10))
    return np.asarray(level * rng.uniform(0.3, 0.75) + left + rough + tint(rng, surface.canvas, 10), np.float32)
