"""Frames in shared memory: a ring of slots in one anonymous file (memfd), mapped by both sides.

The file is sparse: a slot takes memory only as far as frames have filled it. It has no name, so nothing is left behind
whoever is killed; it is sealed against shrinking, so that a capture process gone wild cannot take the pages from under
the daemon. It is freed when neither side maps it any more, and a NumPy view keeps it mapped.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat


def create_ring(slots: int, slot_bytes: int) -> int:
    """Make the file; returns its descriptor, which the caller closes.

    Raises:
        OSError: no descriptor or no memory is left.
    """
    descriptor = os.memfd_create("inspectd-ring", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, slots * slot_bytes)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class RingWriter:
    """The capture process's side."""

    def __init__(self, descriptor: int, slots: int, slot_bytes: int) -> None:
        """Maps the file; the descriptor may be closed afterwards."""
        self.slot_bytes = slot_bytes
        self._memory = mmap.mmap(descriptor, slots * slot_bytes, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    def write(self, slot: int, pixels: NDArray[np.uint8]) -> None:
        """Copy a picture of at most `slot_bytes` into a slot: the one copy between driver and engine input."""
        np.copyto(self.slot(slot, pixels.shape), pixels)

    def slot(self, slot: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """A slot as a picture of this shape, of at most `slot_bytes`, to be written."""
        flat = np.frombuffer(self._memory, np.uint8, math.prod(shape), slot * self.slot_bytes)
        return flat.reshape(shape)


class RingReader:
    """The daemon's side. It cannot write."""

    def __init__(self, descriptor: int, slots: int, slot_bytes: int) -> None:
        """Maps the file; the descriptor may be closed afterwards."""
        self._slot_bytes = slot_bytes
        self._memory = mmap.mmap(descriptor, slots * slot_bytes, mmap.MAP_SHARED, mmap.PROT_READ)

    def view(self, slot: int, height: int, width: int, pixel_format: PixelFormat) -> NDArray[np.uint8]:
        """The picture in a slot, H×W or H×W×3, read-only. It keeps the ring mapped for as long as it lives."""
        shape = pixel_format.shape(height, width)
        flat = np.frombuffer(self._memory, np.uint8, height * width * pixel_format.channels, slot * self._slot_bytes)
        return flat.reshape(shape)
