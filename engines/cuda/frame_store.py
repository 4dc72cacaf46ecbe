"""Frames on the device: each goes up once, on first sight, and its tiles are cut there by every batch that holds some.

A frame stays until the batch with its last tile was collected. One that never comes to its end, as its verdict is
settled already, is given up when its buffer is needed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.cuda.driver import CudaDriver, DeviceMemory, Event, HostMemory, Stream
from engines.cuda.page_locks import LockedRange, PageLocks
from engines.cuts import TiledFrame
from engines.errors import DeviceError, DeviceMemoryError

GRAIN: Final = 1 << 16
"""Buffers are multiples of this, bytes, so that frames of nearly the same size share them."""


@dataclass(eq=False)
class FrameBuffer:
    """Memory for one frame on the device."""

    memory: DeviceMemory
    uploaded: Event
    """Behind the frame's upload."""
    staging: HostMemory | None = None
    """Page-locked copy of the frame, made where its own memory is not page-locked."""
    locked: LockedRange | None = None
    """The frame's own memory, page-locked."""
    frame: weakref.ref[TiledFrame] | None = None
    """Which frame it holds."""
    users: int = 0
    """Batches in flight that cut from it."""

    def holds(self, frame: TiledFrame) -> bool:
        """Whether `frame` is on its way here or here."""
        return self.frame is not None and self.frame() is frame

    @property
    def vacant(self) -> bool:
        """Whether nobody will miss what it holds."""
        return not self.users and (self.frame is None or self.frame() is None)


class FrameStore:
    """The buffers. Its callers take turns."""

    def __init__(self, driver: CudaDriver, tell: Callable[[str], None], limit: int) -> None:
        """At most `limit` buffers, which must be as many as frames can be in flight; `tell` as in `PageLocks`."""
        self._driver = driver
        self._limit = limit
        self._locks = PageLocks(driver, tell)
        self._buffers: list[FrameBuffer] = []

    def use(self, frame: TiledFrame, stream: Stream) -> FrameBuffer:
        """The buffer with `frame`, which the work put into `stream` next finds there. `release` it after that work.

        Raises:
            DeviceError: there is no memory for it, or the device failed.
        """
        buffer = next((buffer for buffer in self._buffers if buffer.holds(frame)), None)
        if buffer is None:
            buffer = self._buffer_for(frame.pixels.nbytes)
            buffer.users += 1
            try:
                self._upload(frame, buffer, stream)
            except DeviceError:
                self.release(buffer, finished=True)
                raise
        else:
            buffer.users += 1
            stream.wait(buffer.uploaded)
        return buffer

    def release(self, buffer: FrameBuffer, *, finished: bool) -> None:
        """A batch that used it is over; `finished` when it held the frame's last tile."""
        buffer.users -= 1
        if finished:
            buffer.frame = None
        if not buffer.users and buffer.locked is not None:
            self._locks.release(buffer.locked)
            buffer.locked = None

    def close(self) -> None:
        """Free everything; no stream may be using it."""
        while self._buffers:
            self._free(self._buffers[-1])
        self._locks.close()

    def _upload(self, frame: TiledFrame, buffer: FrameBuffer, stream: Stream) -> None:
        pixels = frame.pixels.reshape(-1)
        buffer.frame = None
        buffer.locked = self._locks.acquire(pixels)
        if buffer.locked is None:
            pixels = self._staged(pixels, buffer)
        stream.upload(buffer.memory, pixels)
        stream.record(buffer.uploaded)
        buffer.frame = weakref.ref(frame)

    def _staged(self, pixels: NDArray[np.uint8], buffer: FrameBuffer) -> NDArray[np.uint8]:
        if buffer.staging is None:
            buffer.staging = self._driver.pinned(buffer.memory.size)
        staged = buffer.staging.array[: pixels.size]
        np.copyto(staged, pixels)
        return staged

    def _buffer_for(self, size: int) -> FrameBuffer:
        fitting = [buffer for buffer in self._buffers if buffer.vacant and buffer.memory.size >= size]
        if fitting:
            return min(fitting, key=lambda buffer: buffer.memory.size)
        if len(self._buffers) >= self._limit:
            return self._replace(size)
        try:
            return self._make(size)
        except DeviceMemoryError:
            for buffer in [buffer for buffer in self._buffers if not buffer.users]:
                self._free(buffer)
            return self._make(size)

    def _replace(self, size: int) -> FrameBuffer:
        """A frame that no batch is cutting gives way; it goes up again should another batch want it."""
        unused = next(buffer for buffer in self._buffers if not buffer.users)
        if unused.memory.size >= size:
            return unused
        self._free(unused)
        return self._make(size)

    def _make(self, size: int) -> FrameBuffer:
        memory = self._driver.memory(-(-size // GRAIN) * GRAIN)
        self._buffers.append(FrameBuffer(memory, self._driver.event()))
        return self._buffers[-1]

    def _free(self, buffer: FrameBuffer) -> None:
        self._buffers.remove(buffer)
        if buffer.staging is not None:
            buffer.staging.free()
        buffer.uploaded.close()
        buffer.memory.free()
