"""The ONNX Runtime engine: any CPU, needs nothing else.

One worker thread runs the batches in order, with the session's own threads below it; while it runs one batch, the
next is already cut and waits in its slot. More workers would only share the same cores.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
from dataclasses import dataclass, field

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.base import BatchResult, Engine, Ticket
from engines.bundle import Bundle
from engines.errors import EngineBusyError, EngineError, EngineTimeoutError, NotFiniteError
from engines.golden import FP32_TOLERANCE, check_golden

CLOSE_S = 5.0
"""How long `close` waits for the batch that is running. A worker that hangs is left behind; it does not keep the
process from ending."""


@dataclass
class _Flight:
    """A batch in flight."""

    tiles: NDArray[np.uint8]
    landed: threading.Event = field(default_factory=threading.Event)
    outcome: BatchResult | EngineError | None = None

    def land(self, outcome: BatchResult | EngineError) -> None:
        self.outcome = outcome
        self.landed.set()


class OnnxEngine(Engine):
    """Runs a bundle's graph in FP32 on the CPU."""

    def __init__(self, bundle: Bundle, *, threads: int = 0, max_batch: int = 8, slots: int = 2) -> None:
        """`threads` 0 takes one for each core this process may use."""
        self._bundle = bundle
        self._threads = threads or len(os.sched_getaffinity(0))
        self.max_batch = max_batch
        self.slots = slots
        self._session: ort.InferenceSession | None = None
        self._worker: threading.Thread | None = None
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
            check_golden(self, self._bundle, FP32_TOLERANCE)
        except BaseException:
            self.close()
            raise

    def submit(self, tiles: NDArray[np.uint8]) -> Ticket:
        """See `Engine.submit`."""
        size = self._bundle.manifest.tile.size
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (size, size, 3) or not 0 < len(tiles) <= self.max_batch:
            raise EngineError(
                f"batch of {tiles.dtype} {tiles.shape}; wanted uint8 N×{size}×{size}×3, N from 1 to {self.max_batch}"
            )
        with self._lock:
            if self._session is None:
                raise EngineError("the engine is not active")
            if len(self._flying) >= self.slots:
                raise EngineBusyError(f"{self.slots} batches are in flight")
            ticket, flight = Ticket(next(self._tickets)), _Flight(tiles)
            self._flying[ticket] = flight
            self._waiting.put(flight)
        return ticket

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        """See `Engine.collect`."""
        with self._lock:
            flight = self._flying.get(ticket)
        if flight is None:
            raise EngineError(f"ticket {ticket} names no batch in flight")
        if not flight.landed.wait(timeout_s):
            raise EngineTimeoutError(f"no result within {timeout_s:g} s")
        with self._lock:
            self._flying.pop(ticket, None)
        if isinstance(flight.outcome, EngineError):
            raise flight.outcome
        assert flight.outcome is not None
        return flight.outcome

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            worker, self._worker, self._session = self._worker, None, None
        if worker is not None:
            self._waiting.put(None)
            worker.join(CLOSE_S)

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
                flight.land(self._run(session, flight.tiles))
            except EngineError as error:
                flight.land(error)

    def _run(self, session: ort.InferenceSession, tiles: NDArray[np.uint8]) -> BatchResult:
        feed = {"tiles": tiles, "centroids": self._bundle.centroids}
        try:
            distance, score = session.run(["distance", "score"], feed)
        except Exception as error:  # as above: whatever it raises is the batch's failure
            raise EngineError(f"ONNX Runtime failed on a batch of {len(tiles)}: {error}") from error
        if not (np.isfinite(distance).all() and np.isfinite(score).all()):
            raise NotFiniteError("the engine returned NaN or infinity")
        return BatchResult(distance, score)
