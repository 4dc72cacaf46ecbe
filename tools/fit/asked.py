"""What a fit is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FEWEST_SYNTHETIC, MOST_SYNTHETIC = 100, 14_400
"""Tiles that are spoilt to learn evidence from."""


@dataclass(frozen=True)
class FitOptions:
    """What `inspectd-train fit` was asked."""

    good: Path
    out: Path
    cache: Path
    surface: str
    defects: Path | None = None
    backbone: str = "tf_efficientnet_lite0"
    weights: Path | None = None
    tile: int | Literal["auto"] = "auto"
    overlap: int = 32
    centroids: int | Literal["auto"] = "auto"
    synthetic: int | Literal["auto"] = "auto"
    """How many tiles are spoilt to learn evidence from."""
    method: str = "cse"
    """By its name in `tools.fit.methods`."""
    beside: tuple[str, ...] = ()
    """Methods to compare it with on the same features."""
    magnify: int | Literal["auto"] = "auto"
    """How many times larger, each way, the network sees a tile."""
    false_rejects: float = 0.01
    seed: int = 0
    mm_per_px: float | None = None
    skip_unreadable: bool = False
    labels: Path | None = None
    """Archive whose labelled false alarms are learned as well."""
    regression: Path | None = None
    """Regression set to be tested on; by default that of `labels`."""
    group: str | None = None
    """Regular expression that finds in a file's name what dependent pictures share; see `find_good`."""


def surface_name(good: Path) -> str:
    """A surface's name from its folder: the folder's own, or its parent's where that is just `good`."""
    folder = good.resolve()
    if folder.name.lower() == "good":
        folder = folder.parent
        folder = folder.parent if folder.name.lower() in {"train", "test"} else folder
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_")
    return name[:64] or "surface"
