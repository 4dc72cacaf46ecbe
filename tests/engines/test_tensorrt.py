"""The TensorRT engine on the recording driver: the contract of all engines, its own ways, and trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import Engine, Ticket
from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuda.batch_runs import CAPTURED_SIZES
from engines.cuda.page_locks import PageLocks
from engines.cuts import Cut, TiledFrame
from engines.errors import (
    CaptureRefusedError,
    DeviceError,
    DeviceLostError,
    DeviceMemoryError,
    EngineError,
    EngineTimeoutError,
    GoldenError,
)
from engines.pixels import PixelFormat
from engines.tensorrt import TensorRTEngine
from engines.tiling import tile_grid
from tests.bundles import surface_picture
from tests.engines.contract import EngineContract
from tests.engines.recording.driver import RecordingDriver
from tests.engines.recording.plan import RecordingLoader
from tests.engines.recording.ring import Ring


class TestTensorRTEngine(EngineContract):
    @pytest.fixture(autouse=True, params=range(2), ids=lambda seed: f"order {seed}")
    def _order(self, request: pytest.FixtureRequest) -> Iterator[None]:
        self.drivers: list[RecordingDriver] = []
        self.seed = request.param
        yield
        for driver in self.drivers:
            assert not driver.live
            assert not driver.device.live()
            assert not driver.host.live()

    def make(self, bundle: Bundle, *, max_batch: int = 8, slots: int = 2) -> Engine:
        def open_driver() -> RecordingDriver:
            self.drivers.append(RecordingDriver(self.seed))
            return self.drivers[-1]

        loader = RecordingLoader(bundle, max_batch=max_batch)
        return TensorRTEngine(
            bundle, open_driver, loader, precision=Precision.FP32, max_batch=max_batch, slots=slots, tell=print
        )


class Bench:
    """An engine on a recording driver, active, and what it has told."""

    def __init__(self, bundle: Bundle, *, captures_itself: bool = False, max_batch: int = 4, slots: int = 2) -> None:
        self.driver = RecordingDriver()
        self.told: list[str] = []
        loader = RecordingLoader(bundle, max_batch=max_batch, captures_itself=captures_itself)
        self.engine = TensorRTEngine(
            bundle,
            lambda: self.driver,
            loader,
            precision=Precision.FP32,
            max_batch=max_batch,
            slots=slots,
            tell=self.told.append,
        )

    def frame(self, picture: NDArray[np.uint8]) -> TiledFrame:
        return TiledFrame(picture, PixelFormat.RGB8, tile_grid(*picture.shape[:2], self.engine.geometry))


@pytest.fixture
def bench(bundle: Bundle) -> Iterator[Bench]:
    bench = Bench(bundle)
    with bench.engine:
        yield bench


TILE = surface_picture(1, 64, 64)


def test_every_size_is_captured_before_the_first_frame_comes(bench: Bench) -> None:
    for count in (3, 1, 4, 2, 4):
        before = bench.driver.replays
        cuts = [Cut(bench.frame(TILE), 0, 1)] * count
        for ticket in [bench.engine.submit(cuts) for _ in range(bench.engine.slots)]:
            bench.engine.collect(ticket, 10)
        assert bench.driver.replays - before == bench.engine.slots


def test_where_capture_is_refused_batches_are_launched_and_it_is_told_once(bundle: Bundle) -> None:
    bench = Bench(bundle)
    bench.driver.faults["capture"] = CaptureRefusedError("the CUDA graph was not captured: not today")
    with bench.engine as engine:
        for count in (1, 2, 3, 1, 2, 3, 1, 2, 3):
            assert len(engine.infer(np.stack([TILE] * count)).score) == count
    assert bench.driver.replays == 0
    assert [text for text in bench.told if "not today" in text] == bench.told
    assert len(bench.told) == 1


def test_a_runtime_that_makes_graphs_by_itself_is_not_captured(bundle: Bundle) -> None:
    bench = Bench(bundle, captures_itself=True)
    with bench.engine as engine:
        for count in (1, 2, 1, 2, 1, 2):
            engine.infer(np.stack([TILE] * count))
    assert (bench.driver.replays, bench.told) == (0, [])


def test_batch_sizes_beyond_those_captured_run_as_well(bundle: Bundle) -> None:
    bench = Bench(bundle, max_batch=CAPTURED_SIZES + 4, slots=1)
    with bench.engine as engine:
        replayed = []
        for count in [*range(1, engine.max_batch + 1)] * 2:
            before = bench.driver.replays
            assert len(engine.infer(np.stack([TILE] * count)).score) == count
            replayed.append(bench.driver.replays > before)
    assert replayed[: CAPTURED_SIZES - 1] == [True] * (CAPTURED_SIZES - 1)
    assert replayed[CAPTURED_SIZES - 1 :][:5] == [False] * 4 + [True]  # full batches are


def test_a_frame_goes_up_once_however_many_batches_it_takes(bench: Bench) -> None:
    engine, frame = bench.engine, bench.frame(surface_picture(3, 400, 400))
    before = bench.driver.uploaded_bytes
    tickets: list[Ticket] = []
    for first in range(0, len(frame.grid), 4):
        if len(tickets) == engine.slots:
            engine.collect(tickets.pop(0), 10)
        tickets.append(engine.submit([Cut(frame, first, min(4, len(frame.grid) - first))]))
    for ticket in tickets:
        engine.collect(ticket, 10)
    assert len(frame.grid) > 4 * engine.slots
    assert bench.driver.uploaded_bytes - before == frame.pixels.nbytes + 8 * len(frame.grid)


def test_frames_in_a_cameras_ring_are_page_locked_in_place_and_others_are_copied(bench: Bench) -> None:
    ring = Ring(slots=2)
    for turn in range(4):
        inside = ring.put(turn % 2, surface_picture(turn, 64, 64))
        bench.engine.collect(bench.engine.submit([Cut(bench.frame(inside), 0, 1)]), 10)
    locked = [held for held in bench.driver.host.live() if held.name.startswith("page-locked")]
    assert len(locked) == 2
    assert bench.told == []


def test_where_page_locking_is_refused_frames_are_copied_and_it_is_told_once(bench: Bench) -> None:
    bench.driver.faults["page_lock"] = DeviceError("the GPU's driver failed: cuMemHostRegister: NOT_PERMITTED")
    ring = Ring(slots=2)
    expected = bench.engine.infer(TILE[None]).score
    for turn in range(4):
        frame = bench.frame(ring.put(turn % 2, TILE))
        np.testing.assert_array_equal(bench.engine.collect(bench.engine.submit([Cut(frame, 0, 1)]), 10).score, expected)
    assert len(bench.told) == 1
    assert "frames are copied" in bench.told[0]
    assert "NOT_PERMITTED" in bench.told[0]


def test_rings_of_cameras_that_were_restarted_are_let_go(bundle: Bundle) -> None:
    driver = RecordingDriver()
    with driver.attached():
        locks = PageLocks(driver, print, limit=3)
        rings = [Ring(slots=1) for _ in range(8)]
        for ring in rings:
            held = locks.acquire(ring.put(0, TILE))
            assert held is not None
            locks.release(held)
            assert len(driver.host.live()) <= 3
        locks.close()
        assert not driver.host.live()


def test_a_frame_that_grew_in_its_ring_slot_is_locked_anew(bundle: Bundle) -> None:
    driver, ring = RecordingDriver(), Ring(slots=1)
    with driver.attached():
        locks = PageLocks(driver, print)
        for side in (32, 140, 60):
            held = locks.acquire(ring.put(0, surface_picture(1, side, side)))
            assert held is not None
            assert held.size >= 3 * side * side
            locks.release(held)
        locks.close()


def test_frames_that_never_come_to_their_end_do_not_use_up_the_device(bench: Bench) -> None:
    for seed in range(20):
        frame = bench.frame(surface_picture(seed, 112, 112))
        bench.engine.collect(bench.engine.submit([Cut(frame, 0, 1)]), 10)
        unfinished = frame  # as the pipeline holds it until it gives it up
    assert unfinished is frame
    assert bench.driver.allocated < 30


def test_when_the_device_is_full_frames_that_no_batch_uses_give_way(bench: Bench) -> None:
    small = bench.frame(surface_picture(1, 112, 112))
    bench.engine.collect(bench.engine.submit([Cut(small, 0, 1)]), 10)
    bench.driver.refuse_next("memory", DeviceMemoryError("the GPU's memory is used up"))
    large = bench.frame(surface_picture(2, 300, 300))
    bench.engine.collect(bench.engine.submit([Cut(large, 0, 1)]), 10)
    bench.engine.collect(bench.engine.submit([Cut(small, 1, 1)]), 10)


def test_a_batch_for_which_there_is_no_memory_fails_and_the_next_runs(bench: Bench) -> None:
    bench.driver.faults["memory"] = DeviceMemoryError("the GPU's memory is used up")
    frame = bench.frame(surface_picture(2, 300, 300))
    for _ in range(3):
        with pytest.raises(DeviceMemoryError, match="used up"):
            bench.engine.submit([Cut(frame, 0, 1)])
    del bench.driver.faults["memory"]
    bench.engine.collect(bench.engine.submit([Cut(frame, 0, 1)]), 10)


def test_a_batch_that_fails_half_way_gives_its_pixels_back_only_when_they_were_read(bench: Bench) -> None:
    ring = Ring(slots=1)
    frame = bench.frame(ring.put(0, TILE))
    bench.driver.faults["replay"] = DeviceError("the GPU's driver failed")
    with pytest.raises(DeviceError, match="driver failed"):
        bench.engine.submit([Cut(frame, 0, 1)])
    ring.put(0, surface_picture(9, 64, 64))  # its upload would notice
    del bench.driver.faults["replay"]
    bench.engine.infer(TILE[None])


def test_a_hang_is_a_timeout_and_the_ticket_stays_valid(bench: Bench) -> None:
    bench.driver.hangs = True
    ticket = bench.engine.submit([Cut(bench.frame(TILE), 0, 1)])
    with pytest.raises(EngineTimeoutError, match=r"no result within 0\.05 s"):
        bench.engine.collect(ticket, 0.05)
    bench.driver.hangs = False
    bench.engine.collect(ticket, 10)


def test_a_device_that_hangs_does_not_hold_up_the_end(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.tensorrt.CLOSE_S", 0.2)
    bench = Bench(bundle)
    bench.engine.activate()
    bench.driver.hangs = True
    ticket = bench.engine.submit([Cut(bench.frame(TILE), 0, 1)])
    began = time.monotonic()
    bench.engine.close()
    assert time.monotonic() - began < 5
    assert bench.driver.device.live()  # freeing it would wait for the device
    with pytest.raises(EngineError, match="names no batch in flight"):
        bench.engine.collect(ticket, 0.1)


def test_a_lost_device_fails_every_batch_in_flight_and_all_that_come(bench: Bench) -> None:
    tickets = [bench.engine.submit([Cut(bench.frame(TILE), 0, 1)]) for _ in range(2)]
    bench.driver.lose()
    for ticket in tickets:
        with pytest.raises(DeviceLostError, match="the GPU is lost"):
            bench.engine.collect(ticket, 10)
    with pytest.raises(DeviceLostError, match="the GPU is lost"):
        bench.engine.submit([Cut(bench.frame(TILE), 0, 1)])
    bench.engine.close()


def test_a_wait_ends_when_the_engine_is_closed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.tensorrt.CLOSE_S", 0.1)
    bench = Bench(bundle)
    bench.engine.activate()
    bench.driver.hangs = True
    ticket = bench.engine.submit([Cut(bench.frame(TILE), 0, 1)])
    failures: list[EngineError] = []

    def wait() -> None:
        try:
            bench.engine.collect(ticket, 30)
        except EngineError as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    bench.engine.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failures) == 1


def test_a_thread_that_hangs_in_the_driver_holds_up_neither_deadline_nor_end(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.tensorrt.CLOSE_S", 0.2)
    bench = Bench(bundle)
    bench.engine.activate()
    ticket = bench.engine.submit([Cut(bench.frame(TILE), 0, 1)])
    let_go = threading.Event()
    stuck = threading.Event()

    def hang(*_: object) -> None:
        stuck.set()
        let_go.wait(20)

    monkeypatch.setattr("engines.cuda.slots.Slot.launch", hang)
    thread = threading.Thread(target=bench.engine.submit, args=([Cut(bench.frame(TILE), 0, 1)],))
    thread.start()
    assert stuck.wait(10)
    with pytest.raises(EngineTimeoutError, match="no result"):
        bench.engine.collect(ticket, 0.2)
    bench.engine.close()
    let_go.set()
    thread.join(10)


def test_half_precision_may_differ_by_a_share_of_the_threshold(bundle: Bundle) -> None:
    off = np.float32(0.01 * bundle.calibration.threshold)  # of scores well below the threshold, far over FP32's 1e-3
    shifted = replace(bundle, golden=replace(bundle.golden, score=bundle.golden.score + off))
    for precision, passes in ((Precision.FP16, True), (Precision.FP32, False)):
        engine = TensorRTEngine(
            shifted,
            RecordingDriver,
            RecordingLoader(shifted, max_batch=4),
            precision=precision,
            max_batch=4,
            tell=print,
        )
        if passes:
            with engine:
                pass
        else:
            with pytest.raises(GoldenError, match="allowed 1e-03"):
                engine.activate()


def test_an_engine_built_for_smaller_batches_is_refused(bundle: Bundle) -> None:
    engine = TensorRTEngine(
        bundle, RecordingDriver, RecordingLoader(bundle, max_batch=4), precision=Precision.FP16, max_batch=8, tell=print
    )
    with pytest.raises(EngineError, match=r"at most 4 tiles, engine\.max_batch = 8"):
        engine.activate()
