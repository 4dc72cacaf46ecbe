"""The interface that every runtime keeps: activate, submit a batch, collect its result, close.

An engine has a guarded life: nothing may be submitted before `activate`, and nothing after `close`. It takes several
batches in flight; results are collected in any order, each once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import NewType, Self

import numpy as np
from numpy.typing import NDArray

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

    max_batch: int
    """Most tiles in a batch."""
    slots: int
    """Most batches in flight."""

    @abstractmethod
    def activate(self) -> None:
        """Load the graph, bind the centroids and reproduce the golden tiles.

        Raises:
            GoldenError: the scores differ from the bundle's.
            EngineError: the runtime cannot run the graph.
        """

    @abstractmethod
    def submit(self, tiles: NDArray[np.uint8]) -> Ticket:
        """Take a batch (N×T×T×3 RGB, contiguous, N ≤ `max_batch`) and return at once.

        The engine reads `tiles` until the batch is collected; the caller must not write to it before then.

        Raises:
            EngineBusyError: `slots` batches are in flight.
            EngineError: the engine is not active, has failed, or the batch has another shape.
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

    def infer(self, tiles: NDArray[np.uint8], timeout_s: float = 60.0) -> BatchResult:
        """Run one batch and wait for it."""
        return self.collect(self.submit(tiles), timeout_s)

    def __enter__(self) -> Self:
        self.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
