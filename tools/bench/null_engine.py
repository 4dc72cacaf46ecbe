"""An engine that does nothing but count: what is left is the way of the frames."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.base import BatchResult, Engine, Ticket
from engines.cuts import Cut, count_tiles
from engines.manifest import TileGeometry


class NullEngine(Engine):
    """Finds every tile good at once. It takes the frames' pixels as they lie, as an engine that uploads them does."""

    keeps_pixels = False

    def __init__(self, geometry: TileGeometry, *, max_batch: int, slots: int = 3) -> None:
        self.geometry = geometry
        self.max_batch = max_batch
        self.slots = slots
        self.bytes = 0
        """Pixels handed on so far."""
        side = geometry.size // geometry.cell
        self._distance = np.zeros((max_batch, side, side), np.float32)
        self._score = np.zeros(max_batch, np.float32)
        self._tickets = itertools.count()
        self._flying: dict[Ticket, int] = {}

    def activate(self) -> None:
        """Nothing is to be made ready."""

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        """See `Engine.submit`."""
        ticket = Ticket(next(self._tickets))
        self._flying[ticket] = count_tiles(cuts)
        self.bytes += sum(cut.frame.pixels.nbytes for cut in cuts if cut.last)
        return ticket

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:  # noqa: ARG002 - it never waits
        """See `Engine.collect`."""
        count = self._flying.pop(ticket)
        return BatchResult(self._distance[:count], self._score[:count])

    def update_centroids(self, centroids: NDArray[np.float32]) -> None:
        """Nothing is measured against them."""

    def close(self) -> None:
        """Nothing is held."""
