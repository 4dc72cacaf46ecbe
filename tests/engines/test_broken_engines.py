"""Tests of the recording driver: it passes the sound engine and catches every one that breaks a rule of CUDA's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuda.batch_runs import BatchRuns
from engines.cuda.driver import Event, Stream
from engines.cuda.frame_store import FrameBuffer, FrameStore
from engines.cuda.page_locks import LockedRange, PageLocks
from engines.cuda.resident_centroids import ResidentCentroids
from engines.cuda.slots import Slot
from engines.cuda.station import Station
from engines.cuts import Cut, TiledFrame
from engines.pixels import PixelFormat
from engines.plan import PlanContext
from engines.tensorrt import TensorRTEngine
from engines.tiling import tile_grid
from tests.bundles import expected_distance, surface_picture
from tests.engines.recording.driver import RecordingDriver
from tests.engines.recording.memory import Violation
from tests.engines.recording.plan import RecordingLoader, RecordingPlan
from tests.engines.recording.ring import Ring

Break = Callable[[pytest.MonkeyPatch], None]
SEEDS = range(3)


def inspect(driver: RecordingDriver, bundle: Bundle) -> None:
    """A day in an engine's life, short but with everything in it, and every result compared."""
    loader = RecordingLoader(bundle, max_batch=4)
    engine = TensorRTEngine(
        bundle, lambda: driver, loader, precision=Precision.FP32, max_batch=4, slots=3, tell=lambda _: None
    )
    ring = Ring(slots=4)
    moved = bundle.centroids + np.float32(25)
    with engine:
        for turn in range(6):
            pictures = [surface_picture(10 * turn + index, *size) for index, size in enumerate(SIZES)]
            pixels = [ring.put(index, picture) if index < 2 else picture for index, picture in enumerate(pictures)]
            tall, wide, small = (
                TiledFrame(picture, PixelFormat.RGB8, tile_grid(*picture.shape[:2], engine.geometry))
                for picture in pixels
            )
            assert [len(frame.grid) for frame in (tall, wide, small)] == [3, 4, 1]
            batches = (
                [Cut(small, 0, 1), Cut(tall, 0, 2)],
                [Cut(tall, 2, 1), Cut(wide, 0, 2)],
                [Cut(wide, 2, 2), *([Cut(small, 0, 1)] if turn % 3 < 2 else [])],
            )
            old, new = ((bundle.centroids, moved), (moved, bundle.centroids))[turn % 2]
            tickets = [engine.submit(batches[0])]
            engine.update_centroids(new)
            tickets += [engine.submit(batch) for batch in batches[1:]]
            for index in ((2, 0, 1), (0, 1, 2))[turn % 2]:
                found = engine.collect(tickets[index], 10).distance
                wanted = expected_distance(cut(batches[index]), new if index else old, engine.geometry.cell)
                np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
        engine.submit([Cut(small, 0, 1)])  # closed while in flight


SIZES = ((160, 64), (112, 112), (64, 64))


def cut(cuts: Sequence[Cut]) -> NDArray[np.uint8]:
    tiles = []
    for some in cuts:
        tiles.append(np.empty((some.count, 64, 64, 3), np.uint8))
        some.write(tiles[-1])
    return np.concatenate(tiles)


@pytest.mark.parametrize("seed", range(8))
def test_the_sound_engine_breaks_no_rule(bundle: Bundle, seed: int) -> None:
    driver = RecordingDriver(seed)
    inspect(driver, bundle)
    assert driver.replays > 0


def capturing(extra: Callable[[BatchRuns], object]) -> Break:
    """The engine does something more while it captures."""

    def capture(self: BatchRuns, count: int) -> None:
        def work() -> None:
            extra(self)
            self._launch(self._own[count], count)

        self._graphs[count] = self._stream.capture(work)

    return lambda patch: patch.setattr(BatchRuns, "_capture", capture)


def driver_of(runs: BatchRuns) -> RecordingDriver:
    assert isinstance(runs._plan, RecordingPlan)
    return runs._plan.driver


def frames_are_not_awaited(patch: pytest.MonkeyPatch) -> None:
    sound = FrameStore.use

    def use(self: FrameStore, frame: TiledFrame, stream: Stream) -> FrameBuffer:
        found = next((buffer for buffer in self._buffers if buffer.holds(frame)), None)
        if found is None:
            return sound(self, frame, stream)
        found.users += 1
        return found

    patch.setattr(FrameStore, "use", use)


def results_are_read_too_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TensorRTEngine, "_done", lambda *_: True)


def centroids_do_not_wait_for_batches(patch: pytest.MonkeyPatch) -> None:
    sound = ResidentCentroids._swap
    patch.setattr(ResidentCentroids, "_swap", lambda self, centroids, _: sound(self, centroids, ()))


def batches_do_not_wait_for_centroids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ResidentCentroids, "ready_for", lambda *_: None)


def host_memory_is_filled_while_it_is_uploaded(patch: pytest.MonkeyPatch) -> None:
    def update(self: ResidentCentroids, centroids: NDArray[np.float32], flying: Sequence[Event]) -> None:
        self._swap(centroids, flying)
        self._swap(centroids, flying)

    patch.setattr(ResidentCentroids, "update", update)


def pageable_memory_is_uploaded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FrameStore, "_staged", lambda _, pixels, __: pixels)


def memory_is_freed_twice(patch: pytest.MonkeyPatch) -> None:
    sound = Slot.close

    def close(self: Slot) -> None:
        self._scratch.free()
        sound(self)

    patch.setattr(Slot, "close", close)


def memory_is_never_freed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FrameStore, "close", lambda _: None)


def memory_is_freed_in_flight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Station, "empty", lambda *_: True)


def a_mark_is_awaited_that_was_never_made(patch: pytest.MonkeyPatch) -> None:
    sound = FrameStore._upload

    def upload(self: FrameStore, frame: TiledFrame, buffer: FrameBuffer, stream: Stream) -> None:
        marked, buffer.uploaded = buffer.uploaded, self._driver.event()
        sound(self, frame, buffer, stream)
        buffer.uploaded, marked = marked, buffer.uploaded
        marked.close()

    patch.setattr(FrameStore, "_upload", upload)


def a_mark_is_asked_that_was_never_made(patch: pytest.MonkeyPatch) -> None:
    sound = Slot.launch

    def launch(self: Slot, cuts: Sequence[Cut], count: int) -> None:
        done, self.done = self.done, self.done_elsewhere  # type: ignore[attr-defined]
        sound(self, cuts, count)
        self.done = done

    def make(self: Slot, driver: RecordingDriver, **rest: Any) -> None:
        made(self, driver, **rest)
        self.done_elsewhere = driver.event()  # type: ignore[attr-defined]

    made = Slot.__init__
    patch.setattr(Slot, "__init__", make)
    patch.setattr(Slot, "launch", launch)


def one_context_serves_all_slots(patch: pytest.MonkeyPatch) -> None:
    contexts: dict[int, PlanContext] = {}
    sound = BatchRuns._make

    def make(self: BatchRuns, count: int) -> PlanContext:
        if count not in contexts:
            contexts[count] = sound(self, count)
        return contexts[count]

    patch.setattr(BatchRuns, "_make", make)


def one_scratch_serves_all_slots(patch: pytest.MonkeyPatch) -> None:
    scratch: list[Any] = []
    sound = BatchRuns.__init__

    def make(self: BatchRuns, *given: Any, **rest: Any) -> None:
        scratch.append(rest["scratch"])
        sound(self, *given, **{**rest, "scratch": scratch[0]})

    patch.setattr(BatchRuns, "__init__", make)


def a_context_is_changed_after_capture(patch: pytest.MonkeyPatch) -> None:
    def context(self: BatchRuns, count: int) -> PlanContext:
        shared = next(iter(self._own.values()), None) or self._make(count)
        shared.set_batch(count)
        self._own[count] = shared
        return shared

    patch.setattr(BatchRuns, "_context", context)


def a_context_is_captured_before_it_ran(patch: pytest.MonkeyPatch) -> None:
    sound = BatchRuns.run

    def run(self: BatchRuns, count: int) -> None:
        self._context(count)
        self._settled.add(count)
        sound(self, count)

    patch.setattr(BatchRuns, "run", run)


def a_frame_gives_way_while_it_is_cut(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FrameBuffer, "vacant", property(lambda _: True))


def a_page_lock_is_released_while_it_is_read(patch: pytest.MonkeyPatch) -> None:
    sound = PageLocks.acquire

    def acquire(self: PageLocks, pixels: NDArray[np.uint8]) -> LockedRange | None:
        for locked in list(self._ranges.values()):
            self._let_go(locked)
        return sound(self, pixels)

    patch.setattr(PageLocks, "acquire", acquire)


def a_slot_is_used_before_its_batch_is_through(patch: pytest.MonkeyPatch) -> None:
    sound = TensorRTEngine._launch

    def launch(self: TensorRTEngine, slot: Slot, cuts: Sequence[Cut], count: int) -> None:
        sound(self, slot, cuts, count)
        self._free.append(slot)

    patch.setattr(TensorRTEngine, "_launch", launch)


def a_thread_is_not_attached(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TensorRTEngine, "_done", lambda _, __, slot: slot.done.done())


def tiles_are_cut_beyond_their_buffer(patch: pytest.MonkeyPatch) -> None:
    sound = Slot._cut
    patch.setattr(Slot, "_cut", lambda self, some, row: sound(self, some, row + 1))


def an_argument_has_another_width(patch: pytest.MonkeyPatch) -> None:
    sound = np.int64

    def launch(self: Any, kernel: Any, grid: Any, block: Any, arguments: Sequence[Any]) -> None:
        wrong = [np.int32(value) if isinstance(value, sound) else value for value in arguments]
        launched(self, kernel, grid, block, wrong)

    from tests.engines.recording.driver import RecordingStream  # noqa: PLC0415 - its method is wrapped

    launched = RecordingStream.launch
    patch.setattr(RecordingStream, "launch", launch)


def a_graph_is_forgotten_while_it_runs(patch: pytest.MonkeyPatch) -> None:
    sound = BatchRuns.run

    def run(self: BatchRuns, count: int) -> None:
        sound(self, count)
        if count in self._graphs:
            self._graphs.pop(count).close()

    patch.setattr(BatchRuns, "run", run)


BROKEN: dict[str, tuple[Break, str]] = {
    "frames are not awaited": (frames_are_not_awaited, "in no certain order"),
    "results are read too early": (results_are_read_too_early, "while stream . owns it"),
    "centroids do not wait for batches": (centroids_do_not_wait_for_batches, "in no certain order"),
    "batches do not wait for centroids": (batches_do_not_wait_for_centroids, "in no certain order"),
    "host memory is filled while it is uploaded": (host_memory_is_filled_while_it_is_uploaded, "owns it for an upload"),
    "pageable memory is uploaded": (pageable_memory_is_uploaded, "lie in no page-locked memory"),
    "memory is freed twice": (memory_is_freed_twice, "after it was freed"),
    "memory is never freed": (memory_is_never_freed, "never freed"),
    "memory is freed in flight": (memory_is_freed_in_flight, "while (it may|its stream|stream)"),
    "a mark is awaited that was never made": (a_mark_is_awaited_that_was_never_made, "was not recorded"),
    "a mark is asked that was never made": (a_mark_is_asked_that_was_never_made, "before it was recorded"),
    "it allocates during a capture": (capturing(lambda runs: driver_of(runs).memory(1)), "memory: during a capture"),
    "it asks an event during a capture": (
        capturing(lambda runs: next(iter(driver_of(runs).live_events())).done()),
        "done: during a capture",
    ),
    "it uses another stream during a capture": (
        capturing(lambda runs: driver_of(runs).streams[1].upload(runs._scratch, np.zeros(1, np.uint8))),
        "upload: during a capture",
    ),
    "one context serves all slots": (one_context_serves_all_slots, "an execution context in no certain order"),
    "one scratch serves all slots": (one_scratch_serves_all_slots, "in no certain order"),
    "a context is changed after capture": (
        a_context_is_changed_after_capture,
        "context was changed since it was captured",
    ),
    "a context is captured before it ran": (a_context_is_captured_before_it_ran, "captured before it ran"),
    "a frame gives way while it is cut": (a_frame_gives_way_while_it_is_cut, "in no certain order|while stream"),
    "a page lock is released while it is read": (a_page_lock_is_released_while_it_is_read, "is released while"),
    "a slot is used before its batch is through": (a_slot_is_used_before_its_batch_is_through, "owns it"),
    "a thread is not attached": (a_thread_is_not_attached, "not attached"),
    "tiles are cut beyond their buffer": (tiles_are_cut_beyond_their_buffer, "lie in no memory of the device"),
    "an argument has another width": (an_argument_has_another_width, "its parameters are"),
    "a graph is forgotten while it runs": (a_graph_is_forgotten_while_it_runs, "may be running it"),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("broken", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_engine_is_caught(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, broken: Break, told: str, seed: int
) -> None:
    broken(monkeypatch)
    with pytest.raises(Violation) as caught:
        inspect(RecordingDriver(seed), bundle)
    messages = list(chain(caught.value))
    assert any(re.search(told, message) for message in messages), messages


def chain(error: BaseException | None) -> Iterator[str]:
    """Its message and those of what it followed: cleaning up after a broken rule may well break another."""
    while error is not None:
        yield str(error)
        error = error.__context__


def test_a_frame_that_is_overwritten_before_its_batch_is_collected_is_caught(bundle: Bundle) -> None:
    driver, ring = RecordingDriver(), Ring(slots=1)
    engine = TensorRTEngine(
        bundle, lambda: driver, RecordingLoader(bundle, max_batch=1), precision=Precision.FP32, max_batch=1, tell=print
    )
    engine.activate()
    pixels = ring.put(0, surface_picture(1, 64, 64))
    driver.hangs = True  # so that the frame is certain to be overwritten before it was uploaded
    ticket = engine.submit([Cut(TiledFrame(pixels, PixelFormat.RGB8, tile_grid(64, 64, engine.geometry)), 0, 1)])
    ring.put(0, surface_picture(2, 64, 64))
    driver.hangs = False
    with pytest.raises(Violation, match=r"was written to while stream . owned it for an upload"):
        engine.collect(ticket, 10)
