"""Small defects: specks, pin-holes, holes, dents."""

from __future__ import annotations

import numpy as np

from tools.method import noise
from tools.method.kinds.surface import Drawn, Surface, contrasted, darkened, log_uniform, shift, tint, weight


def specks(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Specks: one to a dozen small rounds or splinters, often close together."""
    height, width = surface.size
    side = min(height, width)
    count = int(rng.choice([1, 1, 1, 2, 3, 5, 8, 12]))
    steps = rng.normal(0, side * rng.uniform(0.02, 0.3), (count, 2))
    steps[0] = rng.uniform(0.02, 0.98, 2) * (width, height)
    places = np.clip(np.cumsum(steps, axis=0), 1, (width - 2, height - 2))
    radii = log_uniform(rng, 0.8, max(3.5, side / 40)) * np.exp(rng.normal(0, 0.3, (count, 2)))
    if rng.random() < 0.3:  # splinters, as of bark in paper
        radii[:, 0] *= rng.uniform(1.5, 3.0)
    shade = noise.softened(noise.dots(rng, (height, width), places, radii), rng.uniform(0, 0.8))
    return contrasted(rng, surface, shade), shade * weight(rng, least=0.5)


def pinholes(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A cluster of dark pin-holes, 1 to 3 px each, as gas leaves them in castings and coatings."""
    height, width = surface.size
    count = int(log_uniform(rng, 4, 40))
    spread = min(height, width) * log_uniform(rng, 0.02, 0.15)
    stretch, lean = rng.uniform(1, 4), rng.uniform(0, np.pi)
    cluster = rng.normal(0, spread, (count, 2)) * (np.sqrt(stretch), 1 / np.sqrt(stretch))
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    places = cluster @ turn + rng.uniform(0.05, 0.95, 2) * (width, height)
    radii = rng.uniform(0.5, 1.5, (count, 1)) * np.exp(rng.normal(0, 0.1, (count, 2)))
    shade = noise.dots(rng, (height, width), places, radii)
    return darkened(rng, surface, shade, 5.0), shade


def hole(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A piece missing: flat or rough, of another brightness, with a hard border."""
    height, width = surface.size
    mask = noise.blob(rng, height, width, least=0.015, most=0.12)
    rough = noise.grain(rng, height, width)[..., None] * np.float32(rng.uniform(0, 12))
    level = surface.canvas[mask > 0.5].mean() if mask.any() else 127.0
    content = level + shift(rng, surface, mask, 25, 150, dark=0.7) + rough + tint(rng, surface.canvas, 10)
    return content, noise.softened(mask, rng.uniform(0, 0.8))


def dent(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A dent or bump: bright on the side of the light, dark on the other; nothing is added to the surface."""
    height, width = surface.size
    sigma = min(height, width) * log_uniform(rng, 0.008, 0.04)
    relief = noise.softened(noise.blob(rng, height, width), max(1.0, sigma))
    slope_y, slope_x = np.gradient(relief)
    light = rng.uniform(0, 2 * np.pi)
    shading = (slope_x * np.cos(light) + slope_y * np.sin(light)).astype(np.float32)
    shading *= np.float32(rng.uniform(20, 80) / (np.abs(shading).max() + 1e-6))
    return surface.canvas + shading[..., None], np.clip(np.abs(shading) / 4, 0, 1)
