"""Line-scan cameras: a driver delivers blocks of rows, which are put together into frames.

Rows are counted: within a run no row is missing and none is twice, but for those that a frame repeats of the one before
on purpose, so that a defect at the seam is seen whole. A block that is lost or not whole ends the run.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.errors import CameraError
from inspectd.frames import Rows


class RowCollector:
    """Puts blocks of rows together into frames."""

    def __init__(self, rows: int, overlap: int) -> None:
        """Frames of `rows` rows, of which each repeats the last `overlap` rows of the one before."""
        self._rows = rows
        self._overlap = overlap
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._run: Picture | None = None
        self._newest: Picture | None = None
        self._first = self._filled = self._repeated = 0

    @property
    def fresh(self) -> int:
        """Rows collected that are in no frame yet."""
        return self._filled - self._repeated

    def takes(self, block: Picture) -> bool:
        """Whether a block's rows can go on after those collected."""
        if self._run is None:
            return True
        return block.pixels.shape[1:] == self._buffer.shape[1:] and block.pixel_format is self._run.pixel_format

    def add(self, block: Picture) -> Iterator[Picture]:
        """Collect a block's rows, and yield each frame that they complete; it is valid until the next is asked for."""
        if self._run is None:
            self._begin_run(block)
        used = 0
        while used < len(block.pixels):
            if self.fresh == 0:
                self._newest = block
            count = min(self._rows - self._filled, len(block.pixels) - used)
            self._buffer[self._filled : self._filled + count] = block.pixels[used : used + count]
            self._filled += count
            used += count
            if self._filled == self._rows:
                yield self._frame()
                self._carry_over()

    def rest(self) -> Picture | None:
        """The last frame, short, where rows are left; the next rows begin a new run."""
        frame = self._frame() if self.fresh else None
        self._end_run()
        return frame

    def abandon(self, fault: BadPicture) -> BadPicture:
        """What is told of a fault that ends the run: the rows in no frame yet are lost with it."""
        if self.fresh:
            begun = self._frame()
            fault = BadPicture(
                f"{fault.detail}; the {self.fresh} rows collected before are lost with it",
                begun.captured_monotonic_ns,
                begun.captured_utc_ns,
                begun.source,
                fault.reason,
                begun.rows,
            )
        self._end_run()
        return fault

    def _begin_run(self, block: Picture) -> None:
        self._run = block
        self._buffer = np.empty((self._rows, *block.pixels.shape[1:]), np.uint8)

    def _end_run(self) -> None:
        self._run = None
        self._first = self._filled = self._repeated = 0

    def _frame(self) -> Picture:
        """What was collected, taken when the block came that holds its first new row."""
        assert self._run is not None
        assert self._newest is not None
        return replace(
            self._newest,
            pixels=self._buffer[: self._filled],
            rows=Rows(self._run.captured_monotonic_ns, self._first, self._repeated),
        )

    def _carry_over(self) -> None:
        kept = self._overlap
        self._buffer[:kept] = self._buffer[self._filled - kept : self._filled].copy()
        self._first += self._filled - kept
        self._filled = self._repeated = kept


class LineScanDriver(Camera):
    """Frames from another driver's blocks of rows."""

    def __init__(self, camera: Camera, rows: int, overlap: int, skip: int = 0) -> None:
        """`skip` frames were taken already, by a process that this one replaces: goes on after them."""
        self._camera = camera
        self._collector = RowCollector(rows, overlap)
        self._skip = skip
        self._frames = self._collect()

    def open(self) -> None:
        """See `Camera.open`."""
        self._camera.open()
        for _ in range(self._skip):
            self.read()

    def read(self) -> Picture | BadPicture | None:
        """The next frame. See `Camera.read`."""
        return next(self._frames, None)

    def close(self) -> None:
        """See `Camera.close`."""
        self._camera.close()

    def _collect(self) -> Iterator[Picture | BadPicture]:
        while (block := (yield from self._block())) is not None:
            if isinstance(block, BadPicture):
                yield self._collector.abandon(block)
                continue
            if not self._collector.takes(block):
                yield from self._cut_off(f"rows of {block.pixels.shape[1]} px {block.pixel_format} came after others")
            yield from self._collector.add(block)
        rest = self._collector.rest()
        if rest is not None:
            yield rest

    def _block(self) -> Generator[BadPicture, None, Picture | BadPicture | None]:
        try:
            return self._camera.read()
        except CameraError as error:
            yield from self._cut_off(f"the camera was lost: {error}")
            raise

    def _cut_off(self, why: str) -> Iterator[BadPicture]:
        """End the run where nothing but the rows in no frame yet is lost."""
        if self._collector.fresh:
            yield self._collector.abandon(BadPicture(why, time.monotonic_ns(), time.time_ns()))
        self._collector.rest()
