"""Batches for the engine, filled with the tiles of one frame after the other, across cameras."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.manifest import TileGeometry
from engines.tiling import TileGrid, tile_grid
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.queues import FrameQueues


@dataclass(eq=False)
class FrameWork:
    """A frame on its way through the engine: its tiles' maps as they come back."""

    opened: OpenFrame
    grid: TileGrid
    distance: NDArray[np.float32] | None = None
    """tiles×h×w; made when the first part comes back."""
    cut: int = 0
    """Tiles cut so far."""
    missing: int = field(init=False)
    """Tiles whose maps have not come back."""

    def __post_init__(self) -> None:
        self.missing = len(self.grid)

    @property
    def all_cut(self) -> bool:
        """Whether the frame's pixels are no longer needed."""
        return self.cut == len(self.grid)

    def cut_into(self, buffer: NDArray[np.uint8], at: int) -> Part:
        """Cut as many of the tiles left as fit into `buffer` (B×T×T×3) from row `at` on."""
        count = min(len(buffer) - at, len(self.grid) - self.cut)
        frame = self.opened.frame
        self.grid.cut(frame.pixels, frame.pixel_format, self.cut, self.cut + count, buffer[at : at + count])
        part = Part(self, first=self.cut, count=count)
        self.cut += count
        return part

    def add(self, part: Part, distance: NDArray[np.float32]) -> bool:
        """Take a part's maps (count×h×w); True when the frame is complete."""
        if self.distance is None:
            self.distance = np.empty((len(self.grid), *distance.shape[1:]), np.float32)
        self.distance[part.first : part.first + part.count] = distance
        self.missing -= part.count
        return self.missing == 0

    def frame_map(self) -> NDArray[np.float32]:
        """The stitched map of the complete frame, rows×columns, not yet levelled at the frame's edge."""
        assert self.distance is not None
        return self.grid.stitch(self.distance)


@dataclass(frozen=True)
class Part:
    """Some tiles of one frame within a batch, next to each other."""

    work: FrameWork
    first: int
    """Number of the first tile, in its frame."""
    count: int


@dataclass
class Batch:
    """Tiles that go to the engine together."""

    buffer: NDArray[np.uint8]
    """Its memory, max_batch×T×T×3, in use until the batch is collected."""
    parts: list[Part] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Tiles in it."""
        return sum(part.count for part in self.parts)

    @property
    def full(self) -> bool:
        """Whether no tile more fits."""
        return self.size == len(self.buffer)

    @property
    def tiles(self) -> NDArray[np.uint8]:
        """What the engine is given: size×T×T×3."""
        return self.buffer[: self.size]

    def fill_from(self, work: FrameWork) -> None:
        """Add tiles of `work` until they or the room are used up."""
        self.parts.append(work.cut_into(self.buffer, self.size))


class WorkSource:
    """Turns waiting frames into work, one after the other; a frame is worked on until all its tiles are cut."""

    def __init__(self, queues: FrameQueues, geometry: TileGeometry) -> None:
        self._queues = queues
        self._geometry = geometry
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
            if work.all_cut:
                self._end()

    def _work(self, *, wait: bool) -> FrameWork | None:
        """The work at hand or the next; what was settled in the meantime is passed over."""
        while self._current is None or self._current.opened.settled:
            self._end()
            opened = self._queues.take(wait=wait)
            if opened is None:
                return None
            height, width = opened.frame.pixels.shape[:2]
            self._current = FrameWork(opened, tile_grid(height, width, self._geometry))
        return self._current

    def _end(self) -> None:
        """The pixels are no longer needed: their buffer goes back to the camera."""
        if self._current is not None:
            self._current.opened.frame.release()
            self._current = None
