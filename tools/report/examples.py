"""Example pictures with their maps, small enough to travel inside the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inspectd.inline_picture import data_uri
from tools.report.drawing import TRUTH, map_over, outlined

BUDGET = 380_000
"""All example pictures together, bytes of base64."""
SIDES = 280, 200, 140, 100
"""Longest side of an example, px: the first that keeps the budget."""
MOST = 24
"""Examples on a page."""


@dataclass(frozen=True)
class Example:
    """A picture with its map, as the finished bundle sees it."""

    label: str
    """What it is: `good, held out`, `synthetic: scratch`, the name of a real defect."""
    pixels: NDArray[np.uint8]
    """H×W×3 RGB."""
    distance: NDArray[np.float32]
    """h×w, the stitched map."""
    cell: int
    """Side of the square of pixels that one value of the map stands for, px."""
    score: float
    mask: NDArray[np.bool_] | None = None
    """H×W, where the defect truly is; None where nobody knows or there is none."""


@dataclass(frozen=True)
class ShownExample:
    """An example as the page shows it."""

    label: str
    score: str
    verdict: str
    picture: str
    """Data URI."""
    map: str
    """Data URI."""


def shown_examples(examples: Sequence[Example], threshold: float) -> list[ShownExample]:
    """The first examples, at the largest size that keeps the page small."""
    shown: list[ShownExample] = []
    for side in SIDES:
        shown = [_shown(example, threshold, side) for example in examples[:MOST]]
        if sum(len(one.picture) + len(one.map) for one in shown) <= BUDGET:
            break
    return shown


def _shown(example: Example, threshold: float, side: int) -> ShownExample:
    plain = example.pixels if example.mask is None else outlined(example.pixels, example.mask, TRUTH)
    mapped = map_over(example.pixels, example.distance, example.cell, threshold, example.mask)
    return ShownExample(
        label=example.label,
        score=f"{example.score:.4g}",
        verdict="FAIL" if example.score >= threshold else "PASS",
        picture=data_uri(plain, side),
        map=data_uri(mapped, side),
    )
