"""Which regions are one defect: one that goes on in the next frame keeps its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Where a region lies on the web, mm."""

    along: float
    across: float
    length: float
    """Along the web."""
    width: float
    """Across the web."""

    def touches(self, other: Box, reach: float) -> bool:
        """Whether the two lie at most `reach` mm apart, along and across."""
        return (
            self.along - reach <= other.along + other.length
            and other.along - reach <= self.along + self.length
            and self.across - reach <= other.across + other.width
            and other.across - reach <= self.across + self.width
        )


@dataclass(frozen=True)
class Track:
    """A region of the frame judged last."""

    id: int
    box: Box


@dataclass(frozen=True)
class Named:
    """What a region of the next frame is."""

    id: int
    joins: tuple[int, ...]
    """Other ids of the frame before: this region shows that they were one defect."""


def continued(tracks: Sequence[Track], boxes: Sequence[Box], reach: float, next_id: int) -> tuple[list[Named], int]:
    """Name the regions of a frame: those that touch one of the frame before (`tracks`) take its id, the smallest of
    several; all others get a new one. Returns them in order of `boxes`, and the next free id.

    Args:
        tracks: the regions of the frame judged before.
        boxes: the regions of this frame.
        reach: how near two count as touching, mm: maps tell no more than a cell.
        next_id: the first free id.
    """
    named = []
    for box in boxes:
        known = sorted({track.id for track in tracks if track.box.touches(box, reach)})
        if not known:
            known, next_id = [next_id], next_id + 1
        named.append(Named(known[0], tuple(known[1:])))
    return named, next_id
