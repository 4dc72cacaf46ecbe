"""How a study is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Half = Literal["all", "even", "odd"]


@dataclass(frozen=True)
class Design:
    """What all trials of a study have in common."""

    train_share: float
    """Of the good pictures; the others are inspected."""
    half: Half
    """Which defective pictures are inspected, by their position in their folder: those at even ones may be looked at
    while a method is developed, those at odd ones are kept for its closing table."""
    false_rejects: float
    group: str | None
    backbone: str
    magnify: int | Literal["auto"]
    cache: Path
    mixed: bool = False
    """Whether pictures that show the same surface may be learned and inspected, as where publications split files."""
    other_levelling: bool = False
    """Whether each method is run a second time: without levelling at the frame's edge if it has it, with it if not."""
