"""The centroids on the device: one copy, bound once, swapped between two batches.

New values wait in page-locked memory of their own until the batches in flight are through, then take the old ones'
place; batches submitted later wait for that. So the engine's bindings and captured graphs stay as they are, at the
price of a moment without overlap at each swap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.cuda.driver import CudaDriver, Event, Stream, wait_until
from engines.errors import EngineTimeoutError

SWAP_S: Final = 5.0
"""For the last swap to take place before the next one; longer than batches in flight take."""


class ResidentCentroids:
    """Its callers take turns."""

    def __init__(self, driver: CudaDriver, centroids: NDArray[np.float32]) -> None:
        """`centroids` (K×E) are the first ones."""
        self.memory = driver.memory(centroids.nbytes)
        self._waiting = driver.pinned(centroids.nbytes)
        self._stream = driver.stream()
        self._swapped = driver.event()
        self._swap(centroids, ())

    def update(self, centroids: NDArray[np.float32], flying: Iterable[Event]) -> None:
        """Swap, behind the batches whose ends `flying` marks.

        Raises:
            EngineTimeoutError: the swap before has not taken place: the device hangs.
        """
        if not wait_until(self._swapped.done, SWAP_S):
            raise EngineTimeoutError(f"the last centroids have not reached the GPU within {SWAP_S:g} s")
        self._swap(centroids, flying)

    def ready_for(self, stream: Stream) -> None:
        """Let the work put into `stream` next find the centroids of the last update."""
        stream.wait(self._swapped)

    @property
    def swapped(self) -> Event:
        """Behind the last swap."""
        return self._swapped

    def close(self) -> None:
        """Free everything; no stream may be using it."""
        self._swapped.close()
        self._stream.close()
        self._waiting.free()
        self.memory.free()

    def _swap(self, centroids: NDArray[np.float32], flying: Iterable[Event]) -> None:
        self._waiting.array[:] = np.ascontiguousarray(centroids).reshape(-1).view(np.uint8)
        for event in flying:
            self._stream.wait(event)
        self._stream.upload(self.memory, self._waiting.array)
        self._stream.record(self._swapped)
