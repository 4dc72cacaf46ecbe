"""Frames where cameras put them."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray


class Ring:
    """Frames in mapped memory, as cameras deliver them."""

    def __init__(self, slots: int, slot_bytes: int = 1 << 16) -> None:
        self._slot_bytes = slot_bytes
        self._memory = mmap.mmap(-1, slots * slot_bytes)

    def put(self, slot: int, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        view = np.frombuffer(self._memory, np.uint8, picture.size, slot * self._slot_bytes).reshape(picture.shape)
        view[:] = picture
        return view
