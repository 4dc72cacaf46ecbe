"""Running batches: one thread cuts waiting frames into batches and submits them, another takes the results, so that
several batches are in flight. A fault in either is fatal on purpose: a daemon that lost a stage must not look alive."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from engines.base import BatchResult, Ticket
from engines.errors import DeviceLostError, EngineError, EngineTimeoutError, NotFiniteError
from engines.tiling import TileGrid
from inspectd.errors import DeviceFailure, EngineFailure
from inspectd.metrics.meters import Meters
from inspectd.pipeline.batches import Batch, FrameWork, WorkSource
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.model import EngineUse
from inspectd.pipeline.queues import FrameQueues
from inspectd.pipeline.stages import stage
from inspectd.vitals import Pulse
from inspectd.wire.models import Reason

FAILURES_TO_GIVE_UP = 5
"""Batches failed one after the other until the engine is taken for dead. One may be bad luck; five are a fault that
only a restart can heal."""

log = structlog.get_logger(__name__)


class BatchRunner:
    """Takes frames from the queues, and hands on each when all of its tiles have come back."""

    def __init__(
        self,
        queues: FrameQueues,
        grid_of: Callable[[OpenFrame], TileGrid],
        *,
        conclude: Callable[[FrameWork], None],
        fail: Callable[[OpenFrame, Reason, str], None],
        on_fatal: Callable[[Exception], None],
        engine_timeout_s: float,
        meters: Meters,
    ) -> None:
        """`grid_of` says how a frame is cut. `conclude` gets what is complete and not settled; `fail` gets every frame
        that a batch failed with, why, and the reason in words; `on_fatal` is called when it cannot go on."""
        self._queues = queues
        self._grid_of = grid_of
        self._conclude = conclude
        self._fail = fail
        self._engine_timeout_s = engine_timeout_s
        self._meters = meters
        self._flying: queue.SimpleQueue[tuple[Ticket, Batch] | None] = queue.SimpleQueue()
        self._failures = 0
        # Either may wait for the engine, and the feeder for a batch that the collector waits for.
        self._feeding, self._collecting = Pulse("feeder", engine_timeout_s), Pulse("collector", engine_timeout_s)
        self._threads = [stage("feeder", self._feed, on_fatal), stage("collector", self._collect, on_fatal)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def pulses(self) -> tuple[Pulse, ...]:
        """Its stages' signs of life."""
        return self._feeding, self._collecting

    def close(self, timeout_s: float) -> bool:
        """End the threads; the queues are closed, and nobody waits for an engine's slot any more. False where one of
        them hangs in the engine."""
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        self._let_go()
        return not any(thread.is_alive() for thread in self._threads)

    def _let_go(self) -> None:
        """Give back what nobody collects any more: after a fault."""
        with suppress(queue.Empty):
            while True:
                flying = self._flying.get_nowait()
                if flying is not None:
                    _through(flying[1])

    # The feeder

    def _feed(self) -> None:
        source = WorkSource(self._queues, self._grid_of)
        try:
            while (use := self._next_use(source)) is not None and use.acquire_slot():
                batch = Batch(use)
                source.fill(batch)
                if batch.parts:
                    self._submit(batch)
                else:
                    use.release_slot()
        finally:
            source.close()
            self._feeding.end()
            self._flying.put(None)

    def _next_use(self, source: WorkSource) -> EngineUse | None:
        with self._feeding.resting():
            return source.wait()

    def _submit(self, batch: Batch) -> None:
        batch.submitted(time.monotonic_ns())
        try:
            ticket = batch.use.engine.submit(batch.cuts)
        except EngineError as error:
            batch.pixels_read()
            batch.through()
            batch.use.release_slot()
            self._failed(batch, error)
        else:
            if not batch.use.engine.keeps_pixels:
                batch.pixels_read()
            self._flying.put((ticket, batch))

    # The collector

    def _collect(self) -> None:
        while (flying := self._next_flying()) is not None:
            ticket, batch = flying
            try:
                self._take_result(ticket, batch)
            finally:
                _through(batch)
            batch.use.release_slot()  # of an engine that is given up none comes free
        self._collecting.end()

    def _next_flying(self) -> tuple[Ticket, Batch] | None:
        with self._collecting.resting():
            return self._flying.get()

    def _take_result(self, ticket: Ticket, batch: Batch) -> None:
        try:
            result = batch.use.engine.collect(ticket, self._engine_timeout_s)
        except EngineTimeoutError as error:
            self._failed(batch, error)
            raise EngineFailure(f"the engine hangs: {error} (engine.timeout_s)") from error
        except EngineError as error:
            self._failed(batch, error)
        else:
            self._failures = 0
            self._meters.batch(batch.size)
            self._accept(batch, result)

    def _accept(self, batch: Batch, result: BatchResult) -> None:
        row = 0
        for part in batch.parts:
            complete = part.work.add(part, result.distance[row : row + part.cut.count])
            row += part.cut.count
            if complete and not part.work.opened.settled:
                self._conclude(part.work)

    # Either

    def _failed(self, batch: Batch, error: EngineError) -> None:
        reason = Reason.NOT_FINITE if isinstance(error, NotFiniteError) else Reason.ENGINE_FAILED
        self._meters.batch_failed()
        log.error("the engine failed on a batch", error=str(error), tiles=batch.size)
        for part in batch.parts:
            self._fail(part.work.opened, reason, str(error))
        if isinstance(error, DeviceLostError):
            raise DeviceFailure(str(error)) from error
        self._failures += 1
        if self._failures >= FAILURES_TO_GIVE_UP:
            raise EngineFailure(f"the engine failed on {self._failures} batches in a row; last: {error}") from error


def _through(batch: Batch) -> None:
    """The engine has nothing more to do with a batch that it was given."""
    if batch.use.engine.keeps_pixels:
        batch.pixels_read()
    batch.through()
