"""The ONNX Runtime engine: any CPU, needs nothing else.

One worker thread runs the batches in order, with the session's own threads below it; while it runs one batch, the
next is already cut and waits in its slot. More workers would only share the same cores.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.base import BatchResult, Engine, Ticket
from engines.bundle import Bundle
from engines.cuts import Cut
from engines.errors import EngineBusyError, EngineError, EngineTimeoutError, NotFiniteError, TileError
from engines.golden import FP32_TOLERANCE, check_golden

CLOSE_S = 5.0
"""How long `close` waits for the batch that is running. A worker that hangs is left behind; it does not keep the
process from ending."""


@dataclass
class _Flight:
    """A batch in flight."""

    buffer: NDArray[np.uint8]
    """The slot's memory, max_batch×T×T×3 RGB."""
    centroids: NDArray[np.float32]
    """K×E, those that it was submitted with."""
    count: int
    """Tiles in it."""
    landed: threading.Event = field(default_factory=threading.Event)
    outcome: BatchResult | EngineError | None = None

    def land(self, outcome: BatchResult | EngineError) -> None:
        self.outcome = outcome
        self.landed.set()


class OnnxEngine(Engine):
    """Runs a bundle's graph on the CPU."""

    keeps_pixels = False

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 0,
        max_batch: int = 8,
        slots: int = 2,
        tolerance: float = FP32_TOLERANCE,
    ) -> None:
        """`threads` 0 takes one for each core this process may use; `tolerance` is that of the golden check."""
        self._bundle = bundle
        self._tolerance = tolerance
        self._threads = threads or len(os.sched_getaffinity(0))
        self.geometry = bundle.manifest.tile
        self.max_batch = max_batch
        self.slots = slots
        self._session: ort.InferenceSession | None = None
        self._worker: threading.Thread | None = None
        self._centroids = bundle.centroids
        size = self.geometry.size
        self._free = [np.empty((max_batch, size, size, 3), np.uint8) for _ in range(slots)]
        self._waiting: queue.SimpleQueue[_Flight | None] = queue.SimpleQueue()
        self._flying: dict[Ticket, _Flight] = {}
        self._tickets = itertools.count(1)
        self._lock = threading.Lock()

    def activate(self) -> None:
        """See `Engine.activate`."""
        if self._session is not None:
            raise EngineError("the engine is active already")
        self._session = self._make_session()
        self._worker = threading.Thread(target=self._work, args=(self._session,), name="engine", daemon=True)
        self._worker.start()
        try:
            check_golden(self, self._bundle, self._tolerance)
        except BaseException:
            self.close()
            raise

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        """See `Engine.submit`."""
        count = self.check_batch(cuts)
        ticket, flight = self._take_slot(count)
        try:
            _cut(cuts, flight.buffer)
            with self._lock:
                self._check_active()  # nothing may come behind the end that `close` puts into the queue
                self._waiting.put(flight)
        except (TileError, EngineError):
            self._give_back(ticket)
            raise
        return ticket

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        """See `Engine.collect`."""
        with self._lock:
            flight = self._flying.get(ticket)
        if flight is None:
            raise EngineError(f"ticket {ticket} names no batch in flight")
        if not flight.landed.wait(timeout_s):
            raise EngineTimeoutError(f"no result within {timeout_s:g} s")
        self._give_back(ticket)
        if isinstance(flight.outcome, EngineError):
            raise flight.outcome
        assert flight.outcome is not None
        return flight.outcome

    def update_centroids(self, centroids: NDArray[np.float32]) -> None:
        """See `Engine.update_centroids`."""
        self.check_centroids(centroids, self._bundle.centroids.shape)
        with self._lock:
            self._check_active()
            self._centroids = centroids

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            worker, self._worker, self._session = self._worker, None, None
        if worker is not None:
            self._waiting.put(None)
            worker.join(CLOSE_S)

    def _check_active(self) -> None:
        if self._session is None:
            raise EngineError("the engine is not active")

    def _take_slot(self, count: int) -> tuple[Ticket, _Flight]:
        with self._lock:
            self._check_active()
            if not self._free:
                raise EngineBusyError(f"{self.slots} batches are in flight")
            ticket, flight = Ticket(next(self._tickets)), _Flight(self._free.pop(), self._centroids, count)
            self._flying[ticket] = flight
        return ticket, flight

    def _give_back(self, ticket: Ticket) -> None:
        """The batch has left its slot, collected or never run. Two threads may collect one ticket; one gives back."""
        with self._lock:
            flight = self._flying.pop(ticket, None)
            if flight is not None:
                self._free.append(flight.buffer)

    def _make_session(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return ort.InferenceSession(self._bundle.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises types of its own that share no base
            raise EngineError(f"ONNX Runtime refuses {self._bundle.path / 'model.onnx'}: {error}") from error

    def _work(self, session: ort.InferenceSession) -> None:
        """Run the batches in order, until the engine is closed."""
        while (flight := self._waiting.get()) is not None:
            if self._session is None:
                flight.land(EngineError("the engine was closed before it ran the batch"))
                continue
            try:
                flight.land(self._run(session, flight))
            except EngineError as error:
                flight.land(error)

    def _run(self, session: ort.InferenceSession, flight: _Flight) -> BatchResult:
        feed = {"tiles": flight.buffer[: flight.count], "centroids": flight.centroids}
        try:
            distance, score = session.run(["distance", "score"], feed)
        except Exception as error:  # as above: whatever it raises is the batch's failure
            raise EngineError(f"ONNX Runtime failed on a batch of {flight.count}: {error}") from error
        if not (np.isfinite(distance).all() and np.isfinite(score).all()):
            raise NotFiniteError("the engine returned NaN or infinity")
        return BatchResult(distance, score)


def _cut(cuts: Sequence[Cut], buffer: NDArray[np.uint8]) -> None:
    row = 0
    for cut in cuts:
        cut.write(buffer[row : row + cut.count])
        row += cut.count
