"""Page-locking frames where they lie, so that the device fetches them by itself and the CPU copies nothing.

It pays for memory that comes back: cameras deliver in a ring of a few slots of mapped memory, so each slot is locked
when its first frame comes and used many times. Memory of any other kind is left alone. What is locked is also kept
mapped: were it given back to the system, another mapping might take its address and the device read stale pages.
"""

from __future__ import annotations

import mmap
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.cuda.driver import CudaDriver, PageLock
from engines.errors import DeviceError, DeviceLostError

LIMIT: Final = 64
"""Most slots locked at a time; beyond it those unused longest are let go, as those of a camera that was restarted."""


@dataclass(eq=False)
class LockedRange:
    """A range of pages that is locked."""

    owner: mmap.mmap
    """Kept, so that the range stays mapped."""
    address: int
    size: int
    lock: PageLock
    users: int = 0
    """Uploads that may be reading it."""


class PageLocks:
    """The ranges locked now, those used last at the end."""

    def __init__(self, driver: CudaDriver, tell: Callable[[str], None], limit: int = LIMIT) -> None:
        """`tell` gets a sentence where the driver refuses, once; then nothing is locked any more."""
        self._driver = driver
        self._tell = tell
        self._limit = limit
        self._refused = False
        self._ranges: OrderedDict[int, LockedRange] = OrderedDict()

    def acquire(self, pixels: NDArray[np.uint8]) -> LockedRange | None:
        """Lock the pages of a frame until `release`; None where they are not to be locked or cannot be."""
        owner = _mapping_of(pixels)
        if owner is None or self._refused:
            return None
        start = pixels.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
        size = -(-(pixels.ctypes.data + pixels.nbytes - start) // mmap.PAGESIZE) * mmap.PAGESIZE
        locked = self._fitting(owner, start, size)
        if locked is not None:
            locked.users += 1
            self._ranges.move_to_end(start)
        return locked

    def release(self, locked: LockedRange) -> None:
        """The upload is over; the range stays locked for the next frame in it."""
        locked.users -= 1

    def close(self) -> None:
        """Let go of everything; no stream may be reading it."""
        while self._ranges:
            self._ranges.popitem()[1].lock.release()

    def _fitting(self, owner: mmap.mmap, start: int, size: int) -> LockedRange | None:
        locked = self._ranges.get(start)
        if locked is not None and locked.size >= size:
            return locked
        if locked is not None:
            if locked.users:
                return None
            self._let_go(locked)
        self._make_room()
        return self._lock(owner, start, size)

    def _lock(self, owner: mmap.mmap, start: int, size: int) -> LockedRange | None:
        try:
            lock = self._driver.page_lock(start, size)
        except DeviceLostError:
            raise
        except DeviceError as error:
            self._refused = True
            self._tell(f"frames are copied before they go to the GPU; their memory cannot be page-locked: {error}")
            return None
        self._ranges[start] = LockedRange(owner, start, size, lock)
        return self._ranges[start]

    def _make_room(self) -> None:
        unused = (locked for locked in self._ranges.values() if not locked.users)
        if len(self._ranges) >= self._limit and (oldest := next(unused, None)) is not None:
            self._let_go(oldest)

    def _let_go(self, locked: LockedRange) -> None:
        del self._ranges[locked.address]
        locked.lock.release()


def _mapping_of(pixels: NDArray[np.uint8]) -> mmap.mmap | None:
    """The mapping that an array lies in, if it lies in one."""
    base: object = pixels
    while True:
        if isinstance(base, mmap.mmap):
            return base
        if isinstance(base, np.ndarray):
            base = base.base
        elif isinstance(base, memoryview):
            base = base.obj
        else:
            return None
