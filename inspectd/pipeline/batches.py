"""Batches for the engine, filled with the tiles of one frame after the other, across cameras."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.cuts import Cut, TiledFrame
from engines.tiling import TileGrid
from inspectd.frames import Frame
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.queues import FrameQueues


@dataclass(eq=False)
class FrameWork:
    """A frame on its way through the engine: its tiles' maps as they come back."""

    opened: OpenFrame
    tiled: TiledFrame
    distance: NDArray[np.float32] | None = None
    """tiles×h×w; made when the first part comes back."""
    taken: int = 0
    """Tiles put into batches so far."""
    missing: int = field(init=False)
    """Tiles whose maps have not come back."""

    def __post_init__(self) -> None:
        self.missing = len(self.tiled.grid)
        self._pixels = threading.Lock()
        self._readers = 1  # the one that fills batches with it

    def take(self, most: int) -> Part:
        """The next tiles, at most so many, for a batch; the pixels are held until that batch says it has read them."""
        count = min(most, len(self.tiled.grid) - self.taken)
        part = Part(self, Cut(self.tiled, first=self.taken, count=count))
        self.taken += count
        with self._pixels:
            self._readers += 1
        return part

    @property
    def all_taken(self) -> bool:
        """Whether no tile is left for another batch."""
        return self.taken == len(self.tiled.grid)

    def pixels_read(self) -> None:
        """One reader of the pixels is done; with the last one, their buffer goes back to the camera."""
        with self._pixels:
            self._readers -= 1
            last = self._readers == 0
        if last:
            self.opened.frame.release()

    def add(self, part: Part, distance: NDArray[np.float32]) -> bool:
        """Take a part's maps (count×h×w); True when the frame is complete."""
        cut = part.cut
        if cut.count == len(self.tiled.grid):
            self.distance = distance  # the whole frame at once, as it is
            self.missing = 0
            return True
        if self.distance is None:
            self.distance = np.empty((len(self.tiled.grid), *distance.shape[1:]), np.float32)
        self.distance[cut.first : cut.first + cut.count] = distance
        self.missing -= cut.count
        return self.missing == 0

    def frame_map(self) -> NDArray[np.float32]:
        """The stitched map of the complete frame, rows×columns, not yet levelled at the frame's edge."""
        assert self.distance is not None
        return self.tiled.grid.stitch(self.distance)


@dataclass(frozen=True)
class Part:
    """What a batch holds of one frame."""

    work: FrameWork
    cut: Cut


@dataclass
class Batch:
    """Tiles that go to the engine together."""

    room: int
    """Most tiles."""
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    """Tiles in it."""

    @property
    def full(self) -> bool:
        """Whether no tile more fits."""
        return self.size == self.room

    @property
    def cuts(self) -> list[Cut]:
        """What the engine is given."""
        return [part.cut for part in self.parts]

    def fill_from(self, work: FrameWork) -> None:
        """Add tiles of `work` until they or the room are used up."""
        part = work.take(self.room - self.size)
        self.parts.append(part)
        self.size += part.cut.count

    def submitted(self, now_ns: int) -> None:
        """It goes to the engine."""
        for part in self.parts:
            if part.cut.first == 0:
                part.work.opened.submitted_ns = now_ns

    def pixels_read(self) -> None:
        """The engine has read the pixels, or never will."""
        for part in self.parts:
            part.work.pixels_read()


class WorkSource:
    """Turns waiting frames into work, one after the other; a frame is worked on until all its tiles are taken."""

    def __init__(self, queues: FrameQueues, grid_of: Callable[[Frame], TileGrid]) -> None:
        """`grid_of` says how a frame is cut."""
        self._queues = queues
        self._grid_of = grid_of
        self._current: FrameWork | None = None

    def fill(self, batch: Batch) -> None:
        """Fill a batch with what waits: the first frame is waited for, the others are not.

        The batch stays empty only when the queues were closed.
        """
        while not batch.full:
            work = self._work(wait=not batch.parts)
            if work is None:
                return
            batch.fill_from(work)
            if work.all_taken:
                self._end()

    def _work(self, *, wait: bool) -> FrameWork | None:
        """The work at hand or the next; what was settled in the meantime is passed over."""
        while self._current is None or self._current.opened.settled:
            self._end()
            opened = self._queues.take(wait=wait)
            if opened is None:
                return None
            frame = opened.frame
            self._current = FrameWork(opened, TiledFrame(frame.pixels, frame.pixel_format, self._grid_of(frame)))
        return self._current

    def close(self) -> None:
        """Give back what is at hand; nothing is filled any more."""
        self._end()

    def _end(self) -> None:
        """No more batches are filled with it."""
        if self._current is not None:
            self._current.pixels_read()
            self._current = None
