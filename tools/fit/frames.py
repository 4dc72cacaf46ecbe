"""Whole pictures as the finished bundle sees them, run by the daemon's own engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from calib.border import fit_border, level
from calib.score import top_mean
from engines.base import Engine
from engines.manifest import TileGeometry
from tools.fit.models import Model
from tools.fit.pictures import PictureFile
from tools.fit.splits import Part
from tools.fit.steps import Advance
from tools.inspection import frame_map
from tools.method.defects import draw
from tools.method.score import border_reach

DONORS = 8


@dataclass(frozen=True)
class Judged:
    """A picture, its levelled map and its score."""

    label: str
    pixels: NDArray[np.uint8]
    """H×W×3 RGB."""
    distance: NDArray[np.float32]
    """h×w, the stitched map, levelled at the frame's edge."""
    score: float
    mask: NDArray[np.bool_] | None = None
    """H×W, where a synthetic defect lies."""


@dataclass(frozen=True)
class JudgedFrames:
    """All that was judged to set the threshold and to measure."""

    good: list[Judged]
    spoilt: list[Judged]
    defective: list[Judged]
    border: tuple[float, ...]
    """By which the maps were levelled at the frame's edge."""
    cases: list[Judged] = field(default_factory=list)
    """Those of the regression set."""


@dataclass(frozen=True)
class SeenFrame:
    """A picture and its stitched map, not yet levelled."""

    label: str
    pixels: NDArray[np.uint8]
    distance: NDArray[np.float32]
    mask: NDArray[np.bool_] | None = None
    inspected: NDArray[np.bool_] | None = None
    """Which cells of the map count; None for all."""


def judge(
    good: list[SeenFrame],
    spoilt: list[SeenFrame],
    defective: list[SeenFrame],
    cases: list[SeenFrame],
    model: Model,
    *,
    levelled: bool,
) -> JudgedFrames:
    """Level all maps by what the good ones show at the frame's edge, and score them, as the daemon will."""
    reach = border_reach(model.scorer.depth)
    border = fit_border((frame.distance for frame in good), reach) if levelled else ()

    def judged(frame: SeenFrame) -> Judged:
        distance = level(frame.distance, border)
        counts = distance if frame.inspected is None else distance[frame.inspected]
        if frame.inspected is not None:
            distance = np.where(frame.inspected, distance, np.float32(0))
        return Judged(frame.label, frame.pixels, distance, top_mean(counts, model.top_cells), frame.mask)

    return JudgedFrames(
        [judged(frame) for frame in good],
        [judged(frame) for frame in spoilt],
        [judged(frame) for frame in defective],
        border,
        [judged(frame) for frame in cases],
    )


def see_good(engine: Engine, geometry: TileGeometry, parts: Sequence[Part], advance: Advance) -> list[SeenFrame]:
    """Held-out good parts: their scores set the threshold."""
    seen: list[SeenFrame] = []
    for part in parts:
        pixels = part.read()
        seen.append(_seen("good, held out", pixels, frame_map(engine, geometry, pixels), keep=len(seen) < _SHOWN))
        advance(1)
    return seen


def see_spoilt(
    engine: Engine, geometry: TileGeometry, parts: Sequence[Part], rng: np.random.Generator, advance: Advance
) -> list[SeenFrame]:
    """Held-out good parts with a synthetic defect each: what the threshold would have caught."""
    donors = [parts[index].read() for index in rng.choice(len(parts), min(DONORS, len(parts)), replace=False)]
    seen: list[SeenFrame] = []
    for part in parts:
        pixels = part.read()
        # A defect has the size that fits a tile, however large the picture is.
        rows, columns = (_window(rng, length, geometry.size) for length in pixels.shape[:2])
        defect = draw(rng, pixels[rows, columns], donors)
        mask = np.zeros(pixels.shape[:2], bool)
        pixels[rows, columns], mask[rows, columns] = defect.pixels, defect.mask
        distance = frame_map(engine, geometry, pixels)
        seen.append(_seen(f"synthetic: {defect.kind}", pixels, distance, mask, keep=len(seen) < _SHOWN))
        advance(1)
    return seen


def see_defective(
    engine: Engine, geometry: TileGeometry, pictures: Sequence[PictureFile], advance: Advance
) -> list[SeenFrame]:
    """Real defective pictures.

    Raises:
        PictureError: nothing of one is inspected.
    """
    seen: list[SeenFrame] = []
    for picture in pictures:
        pixels, inspected = picture.read(), picture.inspected_cells(geometry.cell)
        frame = _seen(picture.label, pixels, frame_map(engine, geometry, pixels), keep=len(seen) < _SHOWN)
        seen.append(replace(frame, inspected=inspected))
        advance(1)
    return seen


_SHOWN = 12
"""Pictures of a kind whose pixels are kept for the report; of the others the scores suffice."""


def _seen(
    label: str,
    pixels: NDArray[np.uint8],
    distance: NDArray[np.float32],
    mask: NDArray[np.bool_] | None = None,
    *,
    keep: bool,
) -> SeenFrame:
    if keep:
        return SeenFrame(label, pixels, distance, mask)
    return SeenFrame(label, np.empty((0, 0, 3), np.uint8), distance)


def _window(rng: np.random.Generator, length: int, size: int) -> slice:
    start = int(rng.integers(0, max(1, length - size + 1)))
    return slice(start, min(start + size, length))
