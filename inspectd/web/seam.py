"""What of a frame is new: the web is judged once where frames overlap, and what went past between them is told.

Of two frames that overlap the earlier judges all of what it shows: its verdict cannot wait for a frame that may never
come. What the later one shows again is left out of its judgement, but for a defect that reaches into the new part: that
one counts whole, since the earlier frame may have seen too little of it to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.settings import Direction


@dataclass(frozen=True)
class Stretch:
    """A piece of web, mm along it."""

    begin: float
    end: float


@dataclass(frozen=True)
class Placement:
    """Where a frame lies on the web, and from where on it is judged."""

    shown: Stretch
    """What the frame shows."""
    judged_from: float
    """What lies before, an earlier frame has judged."""
    uninspected: float
    """Web that went past before this frame without being judged, mm."""


def place(shown: Stretch, before: Stretch | None, tolerance: float) -> Placement:
    """Place a frame behind the one before it.

    A frame that shows nothing new is judged whole: either the web stands still or runs backwards, or the position is
    wrong, as of an encoder that slips, and then nothing else protects what is under the camera.

    Args:
        shown: what the frame shows.
        before: from where the frame judged before it begins to where the web is judged; None where there is none.
        tolerance: gaps and new parts no longer than this are none, mm.
    """
    if before is None or shown.end <= before.end + tolerance:
        return Placement(shown, shown.begin, 0.0)
    gap = shown.begin - before.end
    if gap > tolerance:
        return Placement(shown, shown.begin, gap)
    return Placement(shown, max(shown.begin, before.end), 0.0)


def judged(placement: Placement, before: Stretch | None) -> Stretch:
    """What `place` is given as `before` for the next frame, once this one was judged."""
    shown = placement.shown
    if before is None or shown.end <= before.begin:  # far back: the count began anew
        return shown
    return Stretch(shown.begin, max(shown.end, before.end))


def seen_rows(
    placement: Placement, rows: int, *, cell: int, height: int, mm_per_px: float, direction: Direction
) -> NDArray[np.bool_]:
    """Which rows of the frame's map (rows) lie wholly before `judged_from`. A row across it is judged again.

    Args:
        placement: of the frame.
        rows: of its map.
        cell: side of the square of pixels that one value of the map stands for, px.
        height: of the frame, px.
        mm_per_px: its scale.
        direction: which way the web moves.
    """
    edges = np.minimum(np.arange(rows + 1) * cell, height)
    ends = edges[1:] if direction is Direction.UP else height - edges[:-1]
    reached: NDArray[np.bool_] = placement.shown.begin + ends * mm_per_px <= placement.judged_from
    return reached


def new_part(distance: NDArray[np.float32], seen: NDArray[np.bool_], threshold: float) -> NDArray[np.float32]:
    """The frame's map (rows×columns) with 0 where an earlier frame has judged (`seen`, rows).

    Areas at or above `threshold` that reach into the new rows stay whole.
    """
    if not seen.any():
        return distance
    count, labels = cv2.connectedComponents((distance >= threshold).astype(np.uint8), connectivity=8)
    reaching = np.zeros(count, bool)
    reaching[np.unique(labels[~seen])] = True
    reaching[0] = False
    kept: NDArray[np.float32] = np.where(~seen[:, None] | reaching[labels], distance, np.float32(0))
    return kept
