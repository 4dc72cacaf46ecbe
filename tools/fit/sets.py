"""What every method learns from, and is compared on: features of good tiles and of spoilt ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.fit.contrast import Contrast
from tools.fit.extract import FeatureSet
from tools.fit.spoilt import SpoiltSet
from tools.method.features import Channels


@dataclass(frozen=True)
class TrainingSet:
    """All that a fit knows of a surface."""

    good: FeatureSet
    spoilt: SpoiltSet
    held_out: FeatureSet
    """Good tiles that neither training nor centroids may see: they scale, compare and choose."""
    held_out_spoilt: SpoiltSet
    contrast: Contrast
    """Of good and spoilt tiles, and of many more spoilt ones that are not kept."""
    channels: Channels
    seed: int
    centroids: int | Literal["auto"] = "auto"
