"""What one camera sees of the web: puts position, seam and tracks together, frame after frame."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inspectd.frames import Frame, LostFrame, Rows
from inspectd.settings import Direction, WebSettings
from inspectd.web.position import ConstantSpeed, EncoderCounts, Position, PositionSource
from inspectd.web.seam import Placement, Stretch, judged, new_part, place, seen_rows
from inspectd.web.tracks import Box, Named, Track, continued
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import Region

SCALE_UNKNOWN: Final = "web: the scale is not known, neither from the bundle nor here; set mm_per_px of this camera"
"""Why a camera cannot look at a web, after its key."""
RUNS_KEPT: Final = 8
"""Runs of rows whose beginning is remembered: more than can be on their way at a time."""


@dataclass(frozen=True)
class Share:
    """What of a frame no earlier one has judged, and where the frame lies."""

    distance: NDArray[np.float32]
    """Its map, rows×columns, 0 where an earlier frame has judged."""
    cell: int
    """Side of the square of pixels that one value of the map stands for, px."""
    height: int
    """Of the frame, px."""
    run: int | None
    """Names the run of a line-scan camera's rows."""
    position: Position
    """Where the frame begins."""
    placement: Placement | None
    """None where the position is not known."""


class Web:
    """What one camera has seen of the web. `where` and `uninspected_mm` are for any thread, the rest for one."""

    def __init__(self, settings: WebSettings, *, mm_per_px: float) -> None:
        """`settings` and scale are the camera's."""
        self._settings = settings
        self.mm_per_px = mm_per_px
        """Its scale, which stays whatever judges."""
        self.encoder: EncoderCounts | None = None
        """Takes the counts; None for a web of constant speed."""
        if settings.mm_per_count is not None:
            self.encoder = EncoderCounts(settings.mm_per_count, settings.stale_s)
        self._source: PositionSource = self.encoder or ConstantSpeed(settings.speed_mm_s or 0.0)
        self._lock = threading.Lock()
        self._runs: dict[int, float] = {}
        self._run: int | None = None
        self._before: Stretch | None = None
        self._tracks: list[Track] = []
        self._next_id = 1
        self._uninspected_mm = 0.0

    @property
    def uninspected_mm(self) -> float:
        """Web that went past between frames without being judged, so far."""
        return self._uninspected_mm

    def where(self, frame: Frame | LostFrame) -> Position:
        """Where a frame begins on the web.

        Rows of a line-scan camera are counted from where their run began, so that frames of one run lie side by side to
        the row, however exact the position is.
        """
        if frame.rows is None:
            return self._source.at(frame.captured_monotonic_ns)
        with self._lock:
            return self._in_run(frame.rows, frame.captured_monotonic_ns)

    def share(self, frame: Frame, distance: NDArray[np.float32], *, cell: int, threshold: float) -> Share:
        """What of a frame's map is left to judge.

        Args:
            frame: as it came.
            distance: its map, rows×columns, levelled.
            cell: side of the square of pixels that one value of the map stands for, px.
            threshold: from which on a value of the map belongs to a defect.
        """
        if frame.rows is not None and frame.rows.run_ns != self._run:
            self._move_behind(frame.rows, frame.captured_monotonic_ns)
        height, position = frame.pixels.shape[0], self.where(frame)
        run = frame.rows.run_ns if frame.rows else None
        if position.mm is None:
            return Share(distance, cell, height, run, position, None)
        shown = Stretch(position.mm, position.mm + height * self.mm_per_px)
        placement = place(shown, self._before, self.mm_per_px / 2)
        seen = seen_rows(
            placement,
            distance.shape[0],
            cell=cell,
            height=height,
            mm_per_px=self.mm_per_px,
            direction=self._settings.direction,
        )
        return Share(new_part(distance, seen, threshold), cell, height, run, position, placement)

    def judged(self, share: Share, draft: VerdictDraft) -> VerdictDraft:
        """The frame of `share` has its verdict, PASS or FAIL: the next one comes after it. Returns the draft with what
        it says of the web."""
        boxes = [self._box(share, region) for region in draft.regions]
        tracks = self._tracks if share.placement else []
        names, self._next_id = continued(tracks, boxes, share.cell * self.mm_per_px, self._next_id)
        draft = replace(draft, regions=tuple(map(partial(_on_web, share), draft.regions, boxes, names)))
        if share.placement is None:
            return replace(draft, detail=f"where it lies on the web is not known: {share.position.detail}")
        self._run = share.run
        self._before = judged(share.placement, self._before)
        self._tracks = list(map(Track, (name.id for name in names), boxes))
        return self._placed(share.placement, draft)

    def _placed(self, placement: Placement, draft: VerdictDraft) -> VerdictDraft:
        gap = round(placement.uninspected, 3)
        self._uninspected_mm += gap
        return replace(
            draft,
            along_mm=round(placement.shown.begin, 3),
            judged_from_mm=round(placement.judged_from, 3),
            uninspected_mm=gap,
            detail=f"{gap:.1f} mm of web went past uninspected before this frame" if gap else None,
        )

    def _box(self, share: Share, region: Region) -> Box:
        """Where a region lies; along the web from 0 where the frame's position is not known."""
        scale = self.mm_per_px
        below = region.y if self._settings.direction is Direction.UP else share.height - region.y - region.height
        return Box(
            along=(share.position.mm or 0.0) + below * scale,
            across=self._settings.across_mm + region.x * scale,
            length=region.height * scale,
            width=region.width * scale,
        )

    def _in_run(self, rows: Rows, captured_ns: int) -> Position:
        """Where a frame of a run begins: its rows are counted from where the run began."""
        if rows.run_ns not in self._runs:
            position = self._source.at(rows.run_ns)
            counted_mm = 0.0
            if position.mm is None:  # no count had come; the frame was captured with its first row that is new
                position = self._source.at(captured_ns)
                counted_mm = (rows.first + rows.repeated) * self.mm_per_px
            if position.mm is None:
                return position
            self._runs[rows.run_ns] = position.mm - counted_mm
            while len(self._runs) > RUNS_KEPT:
                del self._runs[next(iter(self._runs))]
        return Position(self._runs[rows.run_ns] + rows.first * self.mm_per_px)

    def _move_behind(self, rows: Rows, captured_ns: int) -> None:
        """A new run shows new web, even where the position, which is less exact than rows, says otherwise."""
        with self._lock:
            begin, before = self._in_run(rows, captured_ns).mm, self._before
            if begin is not None and before is not None and before.begin <= begin < before.end:
                self._runs[rows.run_ns] += before.end - begin


def _on_web(share: Share, region: Region, box: Box, name: Named) -> Region:
    along_mm = round(box.along, 3) if share.placement else None
    place = {"id": name.id, "joins": name.joins, "along_mm": along_mm, "across_mm": round(box.across, 3)}
    return region.model_copy(update=place)
