"""The TensorRT engine: the bundle's graph on an NVIDIA GPU, several batches overlapping, frames sent up once.

What runs where is told in `engines.cuda.slots`. The engine itself keeps the order: which slot is free, which ticket
names which batch, what happens when the device fails. A lost device or one that hangs leaves nothing to be saved: the
engine fails for good, frees nothing, as that would wait for the device, and the process is to be started anew.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.base import BatchResult, Engine, Ticket
from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuda.batch_runs import CAPTURED_SIZES
from engines.cuda.driver import CudaDriver, wait_until
from engines.cuda.slots import Slot
from engines.cuda.station import Station
from engines.cuts import Cut, cuts_of_tiles
from engines.errors import (
    DeviceError,
    DeviceLostError,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    NotFiniteError,
)
from engines.golden import FP16_TOLERANCE, FP32_TOLERANCE, check_golden
from engines.plan import Plan, PlanLoader

CLOSE_S: Final = 5.0
"""How long `close` waits for the batches in flight before it takes the device for hung."""
FIRST_RUN_S: Final = 120.0
"""For a batch of a size that is new; TensorRT-RTX compiles kernels for it."""
LOCKED_S: Final = 0.05
"""How long a look at a batch waits for its turn."""
LET_GO_S: Final = 2.0
"""How long the device may take to let go of a batch that could not be launched whole."""

_abandoned: list[Station] = []
"""What a device that is lost or hangs still has. Freeing it would wait for the device; it is given back at the
process's end."""


@dataclass(eq=False)
class _Flight:
    """A batch in flight."""

    slot: Slot
    cuts: Sequence[Cut]
    """Kept, as the device reads their frames' pixels."""
    count: int
    result: BatchResult | None = None


class TensorRTEngine(Engine):
    """Runs a bundle's built engine, by TensorRT or TensorRT-RTX."""

    keeps_pixels = True

    def __init__(
        self,
        bundle: Bundle,
        open_driver: Callable[[], CudaDriver],
        loader: PlanLoader,
        *,
        precision: Precision,
        max_batch: int = 8,
        slots: int = 3,
        tell: Callable[[str], None],
    ) -> None:
        """`precision` is the built engine's; `tell` gets a sentence where it must run slower than it could."""
        self._bundle = bundle
        self._open_driver = open_driver
        self._loader = loader
        self._precision = precision
        self._tell = _once(tell)
        self.geometry = bundle.manifest.tile
        self.max_batch = max_batch
        self.slots = slots
        self._station: Station | None = None
        self._fault: DeviceError | None = None
        self._free: list[Slot] = []
        self._flying: dict[Ticket, _Flight] = {}
        self._tickets = itertools.count(1)
        self._lock = threading.Lock()

    def activate(self) -> None:
        """See `Engine.activate`.

        Raises:
            BuildError: no engine was built for this GPU.
        """
        if self._station is not None:
            raise EngineError("the engine is active already")
        driver = self._open_driver()
        with driver.attached():
            plan = self._loader.load(driver)
            self._check_plan(plan)
            self._station = Station(
                driver, plan, self._bundle, slots=self.slots, max_batch=self.max_batch, tell=self._tell
            )
        self._free = list(self._station.slots)
        try:
            self._check_golden()
            self._meet_every_size()
        except BaseException:
            self.close()
            raise

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        """See `Engine.submit`."""
        count = self.check_batch(cuts)
        for cut in cuts:
            cut.frame.grid.check(cut.frame.pixels, cut.frame.pixel_format)
        with self._lock:
            station = self._active()
            if not self._free:
                raise EngineBusyError(f"{self.slots} batches are in flight")
            slot = self._free.pop()
            with station.driver.attached():
                self._launch(slot, cuts, count)
            ticket = Ticket(next(self._tickets))
            self._flying[ticket] = _Flight(slot, cuts, count)
        return ticket

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        """See `Engine.collect`."""
        flight = self._flying.get(ticket)
        if flight is None:
            raise EngineError(f"ticket {ticket} names no batch in flight")
        if not wait_until(lambda: self._land(ticket, flight), timeout_s):
            raise EngineTimeoutError(f"no result within {timeout_s:g} s")
        result = flight.result
        assert result is not None
        if not (np.isfinite(result.distance).all() and np.isfinite(result.score).all()):
            raise NotFiniteError("the engine returned NaN or infinity")
        return result

    def update_centroids(self, centroids: NDArray[np.float32]) -> None:
        """See `Engine.update_centroids`.

        Raises:
            EngineTimeoutError: the device hangs.
        """
        self.check_centroids(centroids, self._bundle.centroids.shape)
        with self._lock:
            station = self._active()
            with station.driver.attached():
                station.centroids.update(centroids, [flight.slot.done for flight in self._flying.values()])

    def close(self) -> None:
        """See `Engine.close`."""
        if not self._lock.acquire(timeout=CLOSE_S):
            return  # a thread hangs in the driver with it; all that it uses stays as it is
        try:
            station, self._station = self._station, None
            self._free, self._flying = [], {}
            if station is not None:
                self._free_all(station)
        finally:
            self._lock.release()

    def _active(self) -> Station:
        if self._fault is not None:
            raise self._fault
        if self._station is None:
            raise EngineError("the engine is not active")
        return self._station

    def _check_plan(self, plan: Plan) -> None:
        if plan.max_batch < self.max_batch:
            raise EngineError(
                f"the built engine takes at most {plan.max_batch} tiles, engine.max_batch = {self.max_batch}; "
                "lower that, or build it with a larger --max-batch"
            )

    def _check_golden(self) -> None:
        if self._precision is Precision.FP32:
            check_golden(self, self._bundle, FP32_TOLERANCE)
        else:
            check_golden(self, self._bundle, FP16_TOLERANCE, floor=self._bundle.calibration.threshold)

    def _meet_every_size(self) -> None:
        """Make contexts, kernels and graphs now, in every slot, and not when the first frames wait for them. Full
        batches come first: of many sizes not all are captured, see `BatchRuns`."""
        tile = self._bundle.golden.tiles[:1]
        for count in (self.max_batch, *range(1, min(self.max_batch, CAPTURED_SIZES))):
            cuts = cuts_of_tiles(np.repeat(tile, count, axis=0), self.geometry)
            for _ in range(2):
                for ticket in [self.submit(cuts) for _ in range(self.slots)]:
                    self.collect(ticket, FIRST_RUN_S)

    def _launch(self, slot: Slot, cuts: Sequence[Cut], count: int) -> None:
        try:
            slot.launch(cuts, count)
        except EngineError as error:
            self._land_unlaunched(slot, error)
            raise

    def _land_unlaunched(self, slot: Slot, error: EngineError) -> None:
        """Half a batch may be on its way, reading pixels that the caller takes back: wait for it, or fail for good."""
        try:
            if not isinstance(error, DeviceLostError) and slot.empty(LET_GO_S):
                slot.release()
                self._free.append(slot)
                return
        except DeviceError as worse:
            error = worse
        self._fault = error if isinstance(error, DeviceLostError) else DeviceLostError(f"the GPU hangs after: {error}")

    def _land(self, ticket: Ticket, flight: _Flight) -> bool:
        """Take the batch's result if it is there, and give its slot back; whether it was."""
        if not self._lock.acquire(timeout=LOCKED_S):
            return False  # a thread that hangs in the driver with it must not keep this one from its deadline
        try:
            if self._flying.get(ticket) is not flight:
                raise EngineError("the engine was closed, or the batch was collected meanwhile")
            if self._done(self._active(), flight.slot):
                del self._flying[ticket]
                flight.result = flight.slot.result(flight.count)
                flight.slot.release()
                self._free.append(flight.slot)
        finally:
            self._lock.release()
        return flight.result is not None

    def _done(self, station: Station, slot: Slot) -> bool:
        try:
            with station.driver.attached():
                return slot.done.done()
        except DeviceError as error:
            self._fault = error
            raise

    def _free_all(self, station: Station) -> None:
        try:
            with station.driver.attached():
                freed = self._fault is None and station.empty(CLOSE_S)
                if freed:
                    station.close()
            if freed:
                station.driver.close()
                return
        except DeviceError as error:
            self._fault = error
        _abandoned.append(station)


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Each slot says by itself what holds for all of them."""
    told: set[str] = set()

    def tell_once(text: str) -> None:
        if text not in told:
            told.add(text)
            tell(text)

    return tell_once
