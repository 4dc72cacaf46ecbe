"""The ONNX Runtime engine: any CPU, needs nothing else.

One worker thread runs the batches in order, with the session's own threads below it; while it runs one batch, the
next is already cut and waits in its slot. More workers would only share the same cores.
"""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.base import BatchResult, Engine, Ticket
from engines.bundle import Bundle
from engines.errors import (
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    GoldenError,
    NotFiniteError,
)
from engines.golden import FP32_TOLERANCE, run_golden


class OnnxEngine(Engine):
    """Runs a bundle's graph in FP32 on the CPU."""

    def __init__(self, bundle: Bundle, *, threads: int = 0, max_batch: int = 8, slots: int = 2) -> None:
        """`threads` 0 takes one for each core this process may use."""
        self._bundle = bundle
        self._threads = threads or len(os.sched_getaffinity(0))
        self.max_batch = max_batch
        self.slots = slots
        self._session: ort.InferenceSession | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._flying: dict[Ticket, Future[BatchResult]] = {}
        self._tickets = itertools.count(1)
        self._lock = threading.Lock()

    def activate(self) -> None:
        """See `Engine.activate`."""
        if self._session is not None:
            raise EngineError("the engine is active already")
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(self._bundle.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise EngineError(f"ONNX Runtime refuses {self._bundle.path / 'model.onnx'}: {error}") from error
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        comparison = run_golden(self, self._bundle.golden, FP32_TOLERANCE)
        if not comparison:
            self.close()
            raise GoldenError(f"bundle {self._bundle.path.name}: {comparison}; this engine may not judge with it")

    def submit(self, tiles: NDArray[np.uint8]) -> Ticket:
        """See `Engine.submit`."""
        size = self._bundle.manifest.tile.size
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (size, size, 3) or not 0 < len(tiles) <= self.max_batch:
            raise EngineError(
                f"batch of {tiles.dtype} {tiles.shape}; wanted uint8 N×{size}×{size}×3, N from 1 to {self.max_batch}"
            )
        with self._lock:
            if self._session is None or self._worker is None:
                raise EngineError("the engine is not active")
            if len(self._flying) >= self.slots:
                raise EngineBusyError(f"{self.slots} batches are in flight")
            ticket = Ticket(next(self._tickets))
            self._flying[ticket] = self._worker.submit(self._run, self._session, tiles)
        return ticket

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        """See `Engine.collect`."""
        with self._lock:
            flying = self._flying.get(ticket)
        if flying is None:
            raise EngineError(f"ticket {ticket} names no batch in flight")
        try:
            result = flying.result(timeout_s)
        except FutureTimeoutError:
            raise EngineTimeoutError(f"no result within {timeout_s:.3f} s") from None
        except CancelledError:
            raise EngineError("the engine was closed before it ran the batch") from None
        finally:
            if flying.done():
                with self._lock:
                    self._flying.pop(ticket, None)
        return result

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            worker, self._worker, self._session = self._worker, None, None
        if worker is not None:
            worker.shutdown(wait=True, cancel_futures=True)

    def _run(self, session: ort.InferenceSession, tiles: NDArray[np.uint8]) -> BatchResult:
        feed = {"tiles": tiles, "centroids": self._bundle.centroids}
        try:
            distance, score = session.run(["distance", "score"], feed)
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed on a batch of {len(tiles)}: {error}") from error
        if not (np.isfinite(distance).all() and np.isfinite(score).all()):
            raise NotFiniteError("the engine returned NaN or infinity")
        return BatchResult(distance, score)
