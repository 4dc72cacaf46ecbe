"""Whole pictures as the finished bundle sees them, run by the daemon's own engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.score import top_mean
from engines.base import Engine
from engines.manifest import TileGeometry
from tools.fit.pictures import PictureFile
from tools.fit.splits import Part
from tools.fit.steps import Advance
from tools.inspection import frame_map
from tools.method.defects import draw
from tools.method.score import TOP_CELLS

DONORS = 8


@dataclass(frozen=True)
class Judged:
    """A picture, its map and its score."""

    label: str
    pixels: NDArray[np.uint8]
    """H×W×3 RGB."""
    distance: NDArray[np.float32]
    """h×w, the stitched map."""
    score: float
    mask: NDArray[np.bool_] | None = None
    """H×W, where a synthetic defect lies."""


@dataclass(frozen=True)
class JudgedFrames:
    """All that was judged to set the threshold and to measure."""

    good: list[Judged]
    spoilt: list[Judged]
    defective: list[Judged]


def judge(
    engine: Engine, geometry: TileGeometry, pixels: NDArray[np.uint8], label: str, mask: NDArray[np.bool_] | None = None
) -> Judged:
    """Score one picture as `inspectd-train evaluate` and the daemon will."""
    distance = frame_map(engine, geometry, pixels)
    return Judged(label, pixels, distance, top_mean(distance, TOP_CELLS), mask)


def judge_good(engine: Engine, geometry: TileGeometry, parts: Sequence[Part], advance: Advance) -> list[Judged]:
    """Held-out good parts: their scores set the threshold."""
    judged: list[Judged] = []
    for part in parts:
        judged.append(_thin(judge(engine, geometry, part.read(), "good, held out"), keep=len(judged) < _SHOWN))
        advance(1)
    return judged


def judge_spoilt(
    engine: Engine, geometry: TileGeometry, parts: Sequence[Part], rng: np.random.Generator, advance: Advance
) -> list[Judged]:
    """Held-out good parts with a synthetic defect each: what the threshold would have caught."""
    donors = [parts[index].read() for index in rng.choice(len(parts), min(DONORS, len(parts)), replace=False)]
    judged: list[Judged] = []
    for part in parts:
        pixels = part.read()
        # A defect has the size that fits a tile, however large the picture is.
        rows, columns = (_window(rng, length, geometry.size) for length in pixels.shape[:2])
        defect = draw(rng, pixels[rows, columns], donors)
        mask = np.zeros(pixels.shape[:2], bool)
        pixels[rows, columns], mask[rows, columns] = defect.pixels, defect.mask
        label = f"synthetic: {defect.kind}"
        judged.append(_thin(judge(engine, geometry, pixels, label, mask), keep=len(judged) < _SHOWN))
        advance(1)
    return judged


def judge_defective(
    engine: Engine, geometry: TileGeometry, pictures: Sequence[PictureFile], advance: Advance
) -> list[Judged]:
    """Real defective pictures."""
    judged: list[Judged] = []
    for picture in pictures:
        judged.append(_thin(judge(engine, geometry, picture.read(), picture.label), keep=len(judged) < _SHOWN))
        advance(1)
    return judged


_SHOWN = 12
"""Pictures of a kind whose pixels are kept for the report; of the others the scores suffice."""


def _thin(judged: Judged, *, keep: bool) -> Judged:
    if keep:
        return judged
    return Judged(judged.label, np.empty((0, 0, 3), np.uint8), judged.distance, judged.score)


def _window(rng: np.random.Generator, length: int, size: int) -> slice:
    start = int(rng.integers(0, max(1, length - size + 1)))
    return slice(start, min(start + size, length))
