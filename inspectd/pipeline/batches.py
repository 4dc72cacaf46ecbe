"""Batches for the engine, filled with the tiles of one frame after the other, across cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.cuts import Cut, TiledFrame
from engines.tiling import TileGrid
from inspectd.frames import Loan
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.model import EngineUse
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
        self.engine_loan = Loan(self.opened.model.use.leave)
        """Held by whoever fills batches with it, and by those batches until they are collected."""

    def take(self, most: int) -> Part:
        """The next tiles, at most so many, for a batch; the pixels are held until that batch says it has read them."""
        count = min(most, len(self.tiled.grid) - self.taken)
        part = Part(self, Cut(self.tiled, first=self.taken, count=count))
        self.taken += count
        self.opened.frame.retain()
        self.engine_loan.retain()
        return part

    @property
    def all_taken(self) -> bool:
        """Whether no tile is left for another batch."""
        return self.taken == len(self.tiled.grid)

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

    use: EngineUse
    """What runs it."""
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    """Tiles in it."""

    @property
    def full(self) -> bool:
        """Whether no tile more fits."""
        return self.size == self.use.engine.max_batch

    @property
    def cuts(self) -> list[Cut]:
        """What the engine is given."""
        return [part.cut for part in self.parts]

    def fill_from(self, work: FrameWork) -> None:
        """Add tiles of `work` until they or the engine's batch are used up."""
        part = work.take(self.use.engine.max_batch - self.size)
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
            part.work.opened.frame.release()

    def through(self) -> None:
        """The engine has nothing more to do with it."""
        for part in self.parts:
            part.work.engine_loan.release()


class WorkSource:
    """Turns waiting frames into work, one after the other; a frame is worked on until all its tiles are taken."""

    def __init__(self, queues: FrameQueues, grid_of: Callable[[OpenFrame], TileGrid]) -> None:
        """`grid_of` says how a frame is cut."""
        self._queues = queues
        self._grid_of = grid_of
        self._current: FrameWork | None = None

    def wait(self) -> EngineUse | None:
        """Wait for work, and say what is to run it; None where the queues were closed."""
        opened = self._current.opened if self._current else self._queues.wait()
        return None if opened is None else opened.model.use

    def fill(self, batch: Batch) -> None:
        """Fill a batch with what is there for its engine; without waiting, so that it may stay empty."""
        while not batch.full:
            work = self._work()
            if work is None or work.opened.model.use is not batch.use:
                return
            batch.fill_from(work)
            if work.all_taken:
                self._end()

    def _work(self) -> FrameWork | None:
        """The work at hand or the next; what was settled in the meantime is passed over."""
        while self._current is None or self._current.opened.settled:
            self._end()
            opened = self._queues.take()
            if opened is None:
                return None
            frame = opened.frame
            self._current = FrameWork(opened, TiledFrame(frame.pixels, frame.pixel_format, self._grid_of(opened)))
        return self._current

    def close(self) -> None:
        """Give back what is at hand; nothing is filled any more."""
        self._end()

    def _end(self) -> None:
        """No more batches are filled with it."""
        if self._current is not None:
            self._current.opened.frame.release()
            self._current.engine_loan.release()
            self._current = None
