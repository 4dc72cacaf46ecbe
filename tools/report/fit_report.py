"""What a fit has to tell, and the page that tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from engines.manifest import TileGeometry


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
class FitReport:
    """Everything that the page shows."""

    surface: str
    created_utc: str
    bundle_note: str
    """One sentence on the bundle: how many centroids of which width, its size, how it was made."""
    method: str
    backbone: str
    """Name, and where its weights were found."""
    geometry: TileGeometry
    pictures: int
    """Good pictures that were trained on."""
    held_out_pictures: int
    """Good pictures that set the threshold."""
    tiles: int
    """Tiles that were trained on."""
    defect_pictures: int
    """Real defective pictures given; they only measure, nothing is learned from them."""
    calibration: Calibration
    synthetic_scores: NDArray[np.float64]
    """Scores of held-out good pictures with a synthetic defect each."""
    defect_scores: NDArray[np.float64] | None = None
    """Scores of the real defective pictures."""
    losses: list[tuple[int, float, float]] = field(default_factory=list)
    """(epoch, contrast loss, decoder loss); empty where the method trains no embedder."""
    figures: dict[str, float] = field(default_factory=dict)
    """Measured, by the names of the manifest's figures: fractions of 1, seconds (`_s`), counts."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time of each step, s, in order."""
    choices: list[str] = field(default_factory=list)
    """What was chosen by the program and why, a sentence each."""
    examples: list[Example] = field(default_factory=list)


def render(report: FitReport) -> str:
    """The report as one HTML page without any reference outside it."""
    rows = "".join(f"<li>{choice}</li>" for choice in report.choices)
    return f"<!doctype html><meta charset=utf-8><title>{report.surface}</title><ul>{rows}</ul>"
