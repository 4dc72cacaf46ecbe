"""The interface that every runtime keeps: activate, submit a batch, collect its result, close.

An engine has a guarded life: nothing may be submitted before `activate`, and nothing after `close`. It takes several
batches in flight; results are collected in any order, each once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NewType, Self

import numpy as np
from numpy.typing import NDArray

from engines.cuts import Cut, count_tiles, cuts_of_tiles
from engines.errors import EngineError
from engines.manifest import TileGeometry

Ticket = NewType("Ticket", int)
"""Names a batch in flight."""


@dataclass(frozen=True)
class BatchResult:
    """What the graph says of a batch. The arrays belong to the caller."""

    distance: NDArray[np.float32]
    """N×h×w, distance to the nearest centroid."""
    score: NDArray[np.float32]
    """N, mean of each map's largest cells."""


class Engine(ABC):
    """A runtime that runs one bundle's graph. Threads may call it at the same time."""

    geometry: TileGeometry
    """How the bundle's frames are cut."""
    max_batch: int
    """Most tiles in a batch."""
    slots: int
    """Most batches in flight."""
    keeps_pixels: bool
    """Whether a frame's pixels are read after `submit` has returned, until the batch is collected."""

    @abstractmethod
    def activate(self) -> None:
        """Load the graph, bind the centroids and reproduce the golden tiles.

        Raises:
            GoldenError: the scores differ from the bundle's.
            EngineError: the runtime cannot run the graph.
        """

    @abstractmethod
    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        """Take a batch of 1 to `max_batch` tiles and return at once.

        Nobody may write to the frames' pixels before the engine has read them, see `keeps_pixels`.

        Raises:
            EngineBusyError: `slots` batches are in flight.
            EngineError: the engine is not active, has failed, or these are not tiles of its geometry.
            TileError: a frame's pixels are not of its grid's size.
        """

    @abstractmethod
    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        """Wait for a batch's result, checked finite.

        Raises:
            EngineTimeoutError: it did not come in time; the ticket stays valid.
            NotFiniteError: it holds NaN or infinity.
            EngineError: the batch failed.
        """

    @abstractmethod
    def close(self) -> None:
        """End the batches in flight and free everything. May be called more than once."""

    @abstractmethod
    def update_centroids(self, centroids: NDArray[np.float32]) -> None:
        """Measure against other centroids (K×E, as many as the bundle's) from the next batch that is submitted.

        Batches in flight keep those that they were submitted with. The values are not looked at: whoever swaps them
        checks the golden tiles that belong to them.

        Raises:
            EngineError: the engine is not active, or the centroids have another shape or type.
        """

    def infer(self, tiles: NDArray[np.uint8], timeout_s: float = 60.0) -> BatchResult:
        """Run one batch of tiles that were cut already (N×T×T×3 RGB) and wait for it.

        Raises:
            EngineError: as `submit` and `collect`.
        """
        size = self.geometry.size
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (size, size, 3):
            raise EngineError(f"a batch of {tiles.dtype} {tiles.shape}; wanted uint8 N×{size}×{size}×3")
        return self.collect(self.submit(cuts_of_tiles(tiles, self.geometry)), timeout_s)

    def check_batch(self, cuts: Sequence[Cut]) -> int:
        """How many tiles a batch holds.

        Raises:
            EngineError: none or too many, or they are cut by another geometry.
        """
        foreign = next((cut.frame.grid.geometry for cut in cuts if cut.frame.grid.geometry != self.geometry), None)
        if foreign is not None:
            raise EngineError(f"tiles of {foreign.size} px ({foreign!r}); wanted {self.geometry!r}")
        count = count_tiles(cuts)
        if not 0 < count <= self.max_batch:
            raise EngineError(f"a batch of {count} tiles; wanted 1 to {self.max_batch}")
        return count

    def check_centroids(self, centroids: NDArray[np.float32], shape: tuple[int, ...]) -> None:
        """See whether centroids can take the place of the bundle's, which are of `shape` (K×E).

        Raises:
            EngineError: they have another shape or type.
        """
        if centroids.shape != shape or centroids.dtype != np.float32:
            raise EngineError(f"centroids of {centroids.dtype} {centroids.shape}; wanted float32 {shape}")

    def __enter__(self) -> Self:
        self.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
