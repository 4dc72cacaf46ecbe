"""Synthetic defects: good pictures spoilt in the ways in which real surfaces spoil.

The published kinds (structural, textural, blur, in Perlin masks) stand beside those that lines really produce:
patches of other good pictures, scratches, cracks, specks, stains, fibres, dents and holes (CSE.md: harder, more
realistic defects matter more than anything in the loss, and defects too faint to see or with ragged masks are noise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.method import noise
from tools.method.noise import Shade

Picture = NDArray[np.uint8]
"""H×W×3 RGB."""
Canvas = NDArray[np.float32]
"""H×W×C, grey levels 0 to 255; one channel where the picture is grey."""

SMALLEST = 32
"""Least side of a picture, px."""
CHANGED = 6.0
"""Grey levels by which a pixel, or its neighbourhood on average, has changed where the mask holds."""
VISIBLE = 8.0
"""Mean change under the mask, in grey levels, that can be seen on a smooth surface."""
VISIBLE_IN_GRAIN = 0.9
"""How much more is asked on a rough one, in standard deviations of its grain. Two places of a stationary texture
differ by 1.13 of them on average; what is pasted has to differ by more than that, for it to be a defect at all."""
GRAIN_WINDOW = 15
"""Grain is what varies within this many px, in the median over the picture: edges of a pattern do not count."""
LEAST_PIXELS = 5
"""Smallest defect: a pin-hole."""
ATTEMPTS = 8


@dataclass(frozen=True)
class SyntheticDefect:
    """A good picture with a defect drawn on it."""

    pixels: Picture
    mask: NDArray[np.bool_]
    """H×W, where the picture visibly changed."""
    kind: str


@dataclass(frozen=True)
class Surface:
    """The good picture to spoil, and others to take patches from."""

    canvas: Canvas
    others: Sequence[Picture]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.canvas.shape[0], self.canvas.shape[1]


Drawn = tuple[Canvas | np.float32 | float, Shade]
"""What a kind of defect is: new pixels (or one grey level), and how far they cover the old ones."""


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
    grey = bool(np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 1], picture[..., 2]))
    surface = Surface((picture[..., :1] if grey else picture).astype(np.float32), others)
    grain = _grain(surface.canvas)
    names = list(KINDS)
    for attempt in range(ATTEMPTS):
        name = kind if kind and attempt < ATTEMPTS // 2 else names[rng.integers(len(names))]
        content, shade = KINDS[name](rng, surface)
        spoilt = _blended(surface.canvas, content, shade)
        mask = _changed(surface.canvas, spoilt, shade)
        # Out of focus, a surface loses its grain: the change cannot be larger than that, and shows nevertheless.
        asked = VISIBLE if name == "blur" else VISIBLE + VISIBLE_IN_GRAIN * grain
        if _visible(surface.canvas, spoilt, mask, asked):
            return _finished(picture, spoilt, mask, name)
    return _finished(picture, *_spot(rng, surface), "specks")


def _finished(picture: Picture, spoilt: Canvas, mask: NDArray[np.bool_], kind: str) -> SyntheticDefect:
    pixels = np.ascontiguousarray(np.broadcast_to(spoilt.astype(np.uint8), picture.shape))
    return SyntheticDefect(pixels, mask, kind)


def _blended(canvas: Canvas, content: Canvas | np.float32 | float, shade: Shade) -> Canvas:
    spoilt = canvas + shade[..., None] * (content - canvas)
    rounded: Canvas = np.clip(np.rint(spoilt), 0, 255)
    return rounded


def _changed(before: Canvas, after: Canvas, shade: Shade) -> NDArray[np.bool_]:
    """Every pixel that visibly changed, and those between them where old and new happen to agree."""
    change = np.abs(after - before).max(axis=2)
    around = cv2.blur(change, (5, 5))
    mask: NDArray[np.bool_] = (change >= CHANGED) | ((shade > 0.1) & (around >= CHANGED))
    return mask


def _visible(before: Canvas, after: Canvas, mask: NDArray[np.bool_], asked: float) -> bool:
    if np.count_nonzero(mask) < LEAST_PIXELS or mask.mean() > 0.7:
        return False
    return float(np.abs(after - before).max(axis=2)[mask].mean()) >= asked


def _grain(canvas: Canvas) -> float:
    grey = canvas.mean(axis=2)
    window = GRAIN_WINDOW, GRAIN_WINDOW
    variance = np.asarray(cv2.blur(grey * grey, window)) - np.asarray(cv2.blur(grey, window)) ** 2
    return float(np.sqrt(max(0.0, float(np.median(variance[::4, ::4])))))


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


# The published kinds


def _structural(rng: np.random.Generator, surface: Surface) -> Drawn:
    """The picture itself, toned, its 8×8 grid shuffled, in a Perlin mask."""
    height, width = surface.size
    tall, wide = -(-height // 8), -(-width // 8)
    square = _planes(cv2.resize, _toned(rng, surface.canvas), (8 * wide, 8 * tall), None, 0, 0, cv2.INTER_NEAREST)
    cells = square.reshape(8, tall, 8, wide, -1).swapaxes(1, 2).reshape(64, tall, wide, -1)
    shuffled = rng.permutation(cells).reshape(8, 8, tall, wide, -1).swapaxes(1, 2).reshape(square.shape)
    return shuffled[:height, :width], noise.perlin_mask(rng, height, width) * _weight(rng)


def _textural(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Another texture in a Perlin mask: a grain that does not belong here, or a good picture made strange."""
    height, width = surface.size
    if rng.random() < 0.5:
        level, contrast = rng.uniform(20, 235), rng.uniform(8, 60)
        tint = _tint(rng, surface.canvas, 30)
        donor = np.float32(level) + tint + noise.grain(rng, height, width)[..., None] * np.float32(contrast)
    else:
        donor = _toned(rng, _elsewhere(rng, surface, scale=rng.uniform(0.3, 3.0), degrees=rng.uniform(20, 160)), 3.0)
    mask = noise.softened(noise.perlin_mask(rng, height, width), rng.uniform(0, 1.5))
    return donor, mask * _weight(rng)


def _blur(rng: np.random.Generator, surface: Surface) -> Drawn:
    """The picture out of focus, in a Perlin mask or a round: Gaussian of 5 to 15 px, sigma 6 (CSE.md)."""
    side = 2 * int(rng.integers(2, 8)) + 1
    shape = noise.perlin_mask if rng.random() < 0.5 else noise.blob
    mask = noise.softened(shape(rng, *surface.size), 1.0)
    return _planes(cv2.GaussianBlur, surface.canvas, (side, side), 6), mask


# What lines produce


def _patch(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A patch of another good picture, its colour matched to the place, its scale or contrast not quite.

    Without that a patch of a stationary texture would be no defect at all, and its label a lie.
    """
    height, width = surface.size
    shape = noise.box if rng.random() < 0.6 else noise.blob
    mask = shape(rng, height, width)
    scale = 2.0 ** (rng.choice([-1, 1]) * rng.uniform(0.4, 1.2))
    donor = _elsewhere(rng, surface, scale=scale, degrees=rng.choice([0, 90, 180, 270, rng.uniform(10, 80)]))
    inside = mask > 0.5
    if inside.any():
        here, there = surface.canvas[inside].mean(axis=0), donor[inside].mean(axis=0)
        donor = (donor - there) * np.float32(np.exp(rng.normal(0, 0.35))) + here
    donor = donor + np.float32(rng.normal(0, 10))
    return donor, noise.softened(mask, rng.uniform(0, 1.2)) * np.float32(rng.uniform(0.7, 1.0))


def _scratch(rng: np.random.Generator, surface: Surface) -> Drawn:
    """One to four nearly straight, nearly parallel lines of 1 to 3 px."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.6 / min(height, width))
    place = rng.uniform(0, 1, 2) * (width, height)
    thick = rng.uniform(0.7, 3.0)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 4]))):
        length = min(height, width) * np.exp(rng.uniform(np.log(0.15), np.log(0.9)))
        start = place + rng.normal(0, 5, 2)
        points = noise.walk(rng, start, heading + rng.normal(0, 0.05), length, bend=bend, wander=0.005)
        noise.stroke(shade, points, _tapered(len(points), thick, rng.uniform(0, 0.5)))
    return _contrasted(rng, surface, shade), shade * _weight(rng)


def _crack(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A thin line, mostly dark, that wanders, forks and thins out."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    length = min(height, width) * np.exp(rng.uniform(np.log(0.15), np.log(0.9)))
    start, heading = rng.uniform(0.05, 0.95, 2) * (width, height), rng.uniform(0, 2 * np.pi)
    _fork(rng, shade, start, heading, length, thick=rng.uniform(0.8, 3.0), depth=2)
    shade = noise.softened(shade, rng.choice([0.0, 0.6]))
    return _contrasted(rng, surface, shade, dark=0.85), shade * _weight(rng, least=0.5)


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


def _specks(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Pin-holes and specks: one to a dozen small rounds, often close together."""
    height, width = surface.size
    shade = np.zeros((height, width), np.uint8)
    place = rng.uniform(0.02, 0.98, 2) * (width, height)
    spread = min(height, width) * rng.uniform(0.02, 0.3)
    size = np.exp(rng.uniform(np.log(0.8), np.log(max(3.5, min(height, width) / 40))))
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 5, 8, 12]))):
        radii = size * np.exp(rng.normal(0, 0.3, 2))
        axes = (max(1, round(8 * radii[0])), max(1, round(8 * radii[1])))
        centre = np.rint(8 * np.clip(place, 1, (width - 2, height - 2))).astype(int).tolist()
        cv2.ellipse(shade, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA, 3)
        place = place + rng.normal(0, spread, 2)
    soft = noise.softened((shade / np.float32(255)).astype(np.float32), rng.uniform(0, 0.8))
    return _contrasted(rng, surface, soft), soft * _weight(rng, least=0.5)


def _stain(rng: np.random.Generator, surface: Surface) -> Drawn:
    """Something soaked in: a soft, faint shift of brightness or colour, the surface still showing through."""
    height, width = surface.size
    mask = noise.blob(rng, height, width, least=0.06, most=0.3)
    if rng.random() < 0.4:
        mask = noise.one_piece(rng, noise.perlin_mask(rng, height, width))
    soft = noise.softened(mask, min(height, width) * rng.uniform(0.005, 0.04))
    if rng.random() < 0.25:  # dried: darkest at the rim
        soft = soft * (1.2 - 0.9 * noise.softened(mask, min(height, width) * 0.04))
    uneven = np.clip(1 + 0.15 * noise.grain(rng, height, width), 0.3, 1.5) if rng.random() < 0.3 else 1.0
    shift = _shift(rng, surface, soft, 14, 70, dark=0.7) + _tint(rng, surface.canvas, 25)
    return surface.canvas + shift, np.clip(soft * uneven, 0, 1).astype(np.float32)


def _fibre(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A thread or hair lying on the surface: long, thin, curling, of one colour."""
    height, width = surface.size
    shade = np.zeros((height, width), np.float32)
    length = min(height, width) * rng.uniform(0.2, 1.2)
    bend = rng.normal(0, 5 / length)
    start, heading = rng.uniform(0.1, 0.9, 2) * (width, height), rng.uniform(0, 2 * np.pi)
    points = noise.walk(rng, start, heading, length, bend=bend, wander=rng.uniform(0.02, 0.12))
    noise.stroke(shade, points, np.full(len(points), rng.uniform(0.8, 2.5)))
    colour = _contrasted(rng, surface, shade).mean(axis=(0, 1)) + _tint(rng, surface.canvas, 60)
    return np.broadcast_to(colour, surface.canvas.shape), shade * _weight(rng, least=0.5)


def _dent(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A dent or bump: bright on the side of the light, dark on the other; nothing is added to the surface."""
    height, width = surface.size
    sigma = min(height, width) * np.exp(rng.uniform(np.log(0.008), np.log(0.04)))
    relief = noise.softened(noise.blob(rng, height, width), max(1.0, sigma))
    slope_y, slope_x = np.gradient(relief)
    light = rng.uniform(0, 2 * np.pi)
    shading = (slope_x * np.cos(light) + slope_y * np.sin(light)).astype(np.float32)
    shading *= np.float32(rng.uniform(20, 80) / (np.abs(shading).max() + 1e-6))
    return surface.canvas + shading[..., None], np.clip(np.abs(shading) / 4, 0, 1)


def _hole(rng: np.random.Generator, surface: Surface) -> Drawn:
    """A piece missing: flat or rough, of another brightness, with a hard border."""
    height, width = surface.size
    mask = noise.blob(rng, height, width, least=0.015, most=0.12)
    rough = noise.grain(rng, height, width)[..., None] * np.float32(rng.uniform(0, 12))
    level = surface.canvas[mask > 0.5].mean() if mask.any() else 127.0
    content = level + _shift(rng, surface, mask, 25, 150, dark=0.7) + rough + _tint(rng, surface.canvas, 10)
    return content, noise.softened(mask, rng.uniform(0, 0.8))


KINDS: dict[str, Callable[[np.random.Generator, Surface], Drawn]] = {
    "structural": _structural,
    "textural": _textural,
    "blur": _blur,
    "patch": _patch,
    "scratch": _scratch,
    "crack": _crack,
    "specks": _specks,
    "stain": _stain,
    "fibre": _fibre,
    "dent": _dent,
    "hole": _hole,
}


def _weight(rng: np.random.Generator, least: float = 0.3) -> np.float32:
    """How far a defect covers what was there; donors blended in are harder than pasted ones (DRAEM)."""
    return np.float32(rng.uniform(least, 1.0))


def _tapered(count: int, thick: float, by: float) -> NDArray[np.float64]:
    """Widths along a line, thinning towards its end by the share `by`."""
    widths: NDArray[np.float64] = thick * (1 - by * np.linspace(0, 1, count))
    return widths


def _shift(
    rng: np.random.Generator, surface: Surface, shade: Shade, least: float, most: float, *, dark: float
) -> np.float32:
    """A change of brightness, faint more often than strong, towards where there is room for it."""
    inside = surface.canvas[shade > 0.3]
    level = float(inside.mean()) if inside.size else 127.0
    amount = np.exp(rng.uniform(np.log(least), np.log(most)))
    darker = rng.random() < dark
    if (level if darker else 255 - level) < min(amount, 40):
        darker = not darker
    return np.float32(-amount if darker else amount)


def _contrasted(rng: np.random.Generator, surface: Surface, shade: Shade, dark: float = 0.55) -> Canvas:
    """The surface made darker or brighter, as the inside of a thin defect shows it."""
    contrasted: Canvas = surface.canvas + _shift(rng, surface, shade, 30, 160, dark=dark)
    return contrasted


def _tint(rng: np.random.Generator, canvas: Canvas, most: float) -> NDArray[np.float32]:
    """A shift of colour that keeps grey pictures grey."""
    channels = canvas.shape[2]
    tint = rng.normal(0, most / 2, channels) if channels == 3 else np.zeros(1)
    return np.asarray(tint, np.float32)


def _toned(rng: np.random.Generator, canvas: Canvas, strength: float = 1.0) -> Canvas:
    """Another brightness and contrast, sometimes inverted."""
    middle = canvas.mean()
    gain = np.exp(rng.normal(0, 0.25 * strength)) * (-1 if rng.random() < 0.1 * strength else 1)
    toned: Canvas = (canvas - middle) * np.float32(gain) + middle + np.float32(rng.normal(0, 15 * strength))
    return toned


def _elsewhere(rng: np.random.Generator, surface: Surface, *, scale: float, degrees: float) -> Canvas:
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
    return _planes(
        cv2.warpAffine, donor, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def _planes(operation: Callable[..., NDArray[np.generic]], canvas: Canvas, *args: object, **options: object) -> Canvas:
    """Run an OpenCV operation, which drops the axis of a single channel."""
    result = np.asarray(operation(canvas, *args, **options), np.float32)
    return result[..., None] if result.ndim == 2 else result
