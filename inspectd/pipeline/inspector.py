"""The inspector: takes frames from the cameras and reports one verdict for each.

Two threads and the ledger's clock: the feeder cuts waiting frames into batches and submits them, the collector takes
the results, stitches, levels and judges. A fault in either is fatal on purpose: a daemon that lost a stage must not
look alive.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from weakref import WeakSet

import structlog

from engines.base import BatchResult, Ticket
from engines.bundle import Bundle
from engines.errors import DeviceLostError, EngineError, EngineTimeoutError, NotFiniteError
from inspectd.errors import DeviceFailure, EngineFailure, TriggerRefusedError, ViewError
from inspectd.frames import Frame, LostFrame
from inspectd.metrics.meters import Meters
from inspectd.pipeline.batches import Batch, FrameWork, WorkSource
from inspectd.pipeline.drafting import Drafter
from inspectd.pipeline.judging import FrameJudge, scale_of
from inspectd.pipeline.ledger import Ledger, Open, OpenFrame
from inspectd.pipeline.model import EngineUse, Model
from inspectd.pipeline.parts import Part
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import FrameQueues
from inspectd.pipeline.stages import stage
from inspectd.pipeline.triggers import AwaitedFrame, TriggerBook
from inspectd.vitals import Pulse
from inspectd.web.position import EncoderCounts
from inspectd.wire.drafts import ChangeDraft, Draft, MapDraft, VerdictDraft
from inspectd.wire.models import Reason

FAILURES_TO_GIVE_UP = 5
"""Batches failed one after the other until the engine is taken for dead. One may be bad luck; five are a fault that
only a restart can heal."""

Report = Callable[[Draft, MapDraft | None, Frame | None], None]
"""Takes what was said, the map that was judged, and the frame, where it is to be shown to onlookers."""

log = structlog.get_logger(__name__)


class Inspector:
    """Implements the capture side's `FrameSink`."""

    def __init__(
        self,
        model: Model,
        cameras: Mapping[str, CameraPolicy],
        *,
        report: Report,
        on_fatal: Callable[[Exception], None],
        on_ended: Callable[[str], None],
        engine_timeout_s: float,
        max_regions: int,
        max_open_parts: int,
        meters: Meters,
        wants_pictures: Callable[[], bool] = lambda: False,
    ) -> None:
        """`report` gets every verdict, from several threads, with its map and, where `wants_pictures` said so when the
        frame came, the frame, which it releases; `on_fatal` is called when inspection cannot go on;
        `on_ended` when a camera's source has ended."""
        self._model = model
        self._uses = WeakSet([model.use])  # one that was superseded goes with its last frame
        self._switching = threading.Lock()
        self._cameras = cameras
        self._report = report
        self._on_ended = on_ended
        self._engine_timeout_s = engine_timeout_s
        self._wants_pictures = wants_pictures
        self._meters = meters
        self._judge = FrameJudge(cameras, max_regions, web_scales(cameras, model.bundle))
        self._draft = Drafter(
            {name: camera.deadline_ms for name, camera in cameras.items()},
            self._judge.mm_per_px,
            self._judge.along_mm,
            {name: camera.web.across_mm for name, camera in cameras.items() if camera.web is not None},
        )
        self._ledger = Ledger(self._deadline_passed, on_fatal)
        self._triggers = TriggerBook(
            {name: camera.trigger for name, camera in cameras.items()}, self._ledger, max_open_parts
        )
        self._queues = FrameQueues({name: camera.queue for name, camera in cameras.items()})
        self._flying: queue.SimpleQueue[tuple[Ticket, Batch] | None] = queue.SimpleQueue()
        self._failures = 0
        # Either may wait for the engine, and the feeder for a batch that the collector waits for.
        self._feeding, self._collecting = Pulse("feeder", engine_timeout_s), Pulse("collector", engine_timeout_s)
        self._threads = [stage("feeder", self._feed, on_fatal), stage("collector", self._collect, on_fatal)]

    # Its life

    def start(self) -> None:
        """Begin to inspect."""
        self._ledger.start()
        for thread in self._threads:
            thread.start()

    @property
    def pulses(self) -> tuple[Pulse, ...]:
        """Its stages' signs of life."""
        return self._feeding, self._collecting, self._ledger.pulse

    @property
    def open_frames(self) -> int:
        """Frames taken or triggered that have no verdict yet."""
        return len(self._ledger)

    def queued(self) -> dict[str, int]:
        """Frames that wait for the engine, by camera."""
        return self._queues.waiting()

    @property
    def max_batch(self) -> int:
        """Most tiles that go to the engine together."""
        return self._model.engine.max_batch

    def drain(self, timeout_s: float, reason: Reason, detail: str) -> int:
        """Wait until every frame taken has its verdict; after `timeout_s` the rest is settled as ERROR for `reason`.

        No frame may arrive any more, and no trigger is taken. Returns how many frames were cut short.
        """
        self._triggers.stop()
        self._ledger.wait_empty(timeout_s)
        cut_short = self._ledger.settle_all()
        for opened in cut_short:
            self._give_up(opened, reason, detail)
        return len(cut_short)

    def close(self, timeout_s: float) -> bool:
        """End the threads; False where one of them hangs in the engine."""
        self._queues.close()
        with self._switching:
            for use in self._uses:
                use.stop()  # after a fault no slot comes free for the feeder to wait for
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        while (opened := self._queues.take()) is not None:  # settled long ago
            _dismiss(opened)
        self._ledger.close()
        return not any(thread.is_alive() for thread in self._threads)

    # Triggers

    def open_part(self, id: str, cameras: tuple[str, ...], deadline_ms: float) -> Part:  # noqa: A002 - the wire's word
        """Await a part's frames from now on; its verdict follows by its deadline, whatever happens.

        Raises:
            TriggerRefusedError: it cannot be taken.
        """
        part = Part(id, cameras, deadline_ms, self._entered())
        try:
            self._triggers.open(part)
        except TriggerRefusedError:
            part.model.use.leave()
            raise
        return part

    def no_frame(self, camera: str, part: Part, detail: str) -> None:
        """Report that a camera will not deliver its frame of a part."""
        for awaited in self._triggers.give_up(camera, part):
            self._give_up(awaited, Reason.NO_FRAME, detail)

    def untriggered(self, camera: str) -> int:
        """Frames that came without a trigger from a camera that waits for triggers."""
        return self._triggers.untriggered(camera)

    # Models

    @property
    def model(self) -> Model:
        """What judges the frames that come now."""
        return self._model

    def adopt(self, model: Model, announce: ChangeDraft | None = None) -> None:
        """Have every frame that comes from now on judged by another model, whose engine is active.

        Frames that are here already, and those of parts that are open, are judged by the one before; its engine is
        closed when they are through, unless the new model has the same. `announce` is reported before anything that
        the new model says.
        """
        with self._switching:
            before = self._model
            if announce is not None:
                self._report(announce, None, None)
            self._model = model
            self._uses.add(model.use)
        if model.use is not before.use:
            before.use.retire()

    def _entered(self, part: Part | None = None) -> Model:
        """The model for something that comes now, its engine entered: that of its part, else the one in effect."""
        with self._switching:
            model = part.model if part else self._model
            model.use.enter()
            return model

    # Webs

    @property
    def encoders(self) -> dict[str, EncoderCounts]:
        """What takes encoder counts, by camera."""
        return self._judge.encoders

    def uninspected_mm(self, camera: str) -> float:
        """Web that went past between a camera's frames without being judged, mm."""
        return self._judge.uninspected_mm(camera)

    # What the cameras deliver

    def frame(self, frame: Frame) -> None:
        """Take a frame."""
        policy = self._cameras[frame.camera]
        claim = self._triggers.claim(frame.camera, frame.captured_monotonic_ns, frame.part)
        # A part's frames share its deadline, so that none of them runs out of time before the part does.
        deadline_ms = claim.part.left_ms(frame.captured_monotonic_ns) if claim.part else policy.deadline_ms
        opened = OpenFrame(
            frame,
            self._entered(claim.part),
            deadline_ms,
            claim.part,
            untriggered=claim.untriggered,
            shown=self._wants_pictures(),
        )
        if opened.shown:
            frame.retain()
        self._ledger.enter(opened)
        try:
            self._judge.framing(frame, opened.model)
        except ViewError as error:
            _dismiss(opened)
            self._settle_error(opened, Reason.BAD_FRAME, str(error))
            return
        dropped = self._queues.put(opened)
        if dropped is not None:
            _dismiss(dropped)
            waiting = policy.queue.limit
            self._settle_error(
                dropped, Reason.OVERRUN, f"{waiting} frames of this camera waited for the engine already"
            )

    def lost(self, lost: LostFrame) -> None:
        """Report a frame that was taken but cannot be inspected."""
        claim = self._triggers.claim(lost.camera, lost.captured_monotonic_ns, lost.part)
        model = claim.part.model if claim.part else self._model
        self._tell(self._draft.lost(lost, claim, model), None, claim.part)

    def camera_lost(self, camera: str, detail: str) -> None:
        """Report that a camera was lost."""
        self._report(self._draft.camera_lost(camera, detail, self._model), None, None)
        for awaited in self._triggers.give_up(camera):
            self._give_up(awaited, Reason.NO_FRAME, detail)

    def ended(self, camera: str) -> None:
        """Pass on that a camera's source has ended."""
        for awaited in self._triggers.give_up(camera):
            self._give_up(awaited, Reason.NO_FRAME, "the camera's source has ended")
        self._on_ended(camera)

    # The threads

    def _feed(self) -> None:
        source = WorkSource(self._queues, lambda opened: self._judge.framing(opened.frame, opened.model).grid)
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
            self._batch_failed(batch, error)
        else:
            if not batch.use.engine.keeps_pixels:
                batch.pixels_read()
            self._flying.put((ticket, batch))

    def _collect(self) -> None:
        while (flying := self._next_flying()) is not None:
            ticket, batch = flying
            try:
                result = batch.use.engine.collect(ticket, self._engine_timeout_s)
            except EngineTimeoutError as error:
                self._batch_failed(batch, error)
                raise EngineFailure(f"the engine hangs: {error} (engine.timeout_s)") from error
            except EngineError as error:
                self._batch_failed(batch, error)
            else:
                self._failures = 0
                self._meters.batch(batch.size)
                self._accept(batch, result)
            if batch.use.engine.keeps_pixels:
                batch.pixels_read()
            batch.use.release_slot()
            batch.through()
        self._collecting.end()

    def _next_flying(self) -> tuple[Ticket, Batch] | None:
        with self._collecting.resting():
            return self._flying.get()

    def _accept(self, batch: Batch, result: BatchResult) -> None:
        row = 0
        for part in batch.parts:
            complete = part.work.add(part, result.distance[row : row + part.cut.count])
            row += part.cut.count
            if complete and not part.work.opened.settled:
                self._conclude(part.work)

    def _conclude(self, work: FrameWork) -> None:
        opened, collected_ns = work.opened, time.monotonic_ns()
        judged = self._judge.judge(opened.frame, work.frame_map(), opened.model)
        # The ledger's clock may be held up; a judgement that comes too late is none.
        late = opened.overdue
        if not self._ledger.settle(opened):
            return
        if late:
            self._deadline_missed(opened)
            return
        draft = self._judge.told(judged, self._draft.judged(opened, judged.judgement))
        self._tell(draft, MapDraft(judged.distance, opened.model.geometry.cell), opened.part, opened)
        self._meters.judged(opened, collected_ns, draft.decided_monotonic_ns)

    # What went wrong

    def _batch_failed(self, batch: Batch, error: EngineError) -> None:
        reason = Reason.NOT_FINITE if isinstance(error, NotFiniteError) else Reason.ENGINE_FAILED
        self._meters.batch_failed()
        log.error("the engine failed on a batch", error=str(error), tiles=batch.size)
        for part in batch.parts:
            self._settle_error(part.work.opened, reason, str(error))
        if isinstance(error, DeviceLostError):
            raise DeviceFailure(str(error)) from error
        self._failures += 1
        if self._failures >= FAILURES_TO_GIVE_UP:
            raise EngineFailure(f"the engine failed on {self._failures} batches in a row; last: {error}") from error

    def _deadline_passed(self, opened: Open) -> None:
        if isinstance(opened, AwaitedFrame):
            self._triggers.forget(opened)
            detail = f"no frame came within {opened.deadline_ms:g} ms of the trigger"
            self._give_up(opened, Reason.NO_FRAME, detail)
        else:
            assert isinstance(opened, OpenFrame)
            self._deadline_missed(opened)

    def _deadline_missed(self, opened: OpenFrame) -> None:
        detail = f"no verdict within {opened.deadline_ms:g} ms: the engine is too slow for the frames that come"
        self._give_up(opened, Reason.DEADLINE, detail)

    def _settle_error(self, opened: OpenFrame, reason: Reason, detail: str) -> None:
        if self._ledger.settle(opened):
            self._give_up(opened, reason, detail)

    def _give_up(self, opened: Open, reason: Reason, detail: str) -> None:
        """Report ERROR for something that was settled."""
        if isinstance(opened, AwaitedFrame):
            self._tell(self._draft.no_frame(opened, reason, detail), None, opened.part)
        else:
            assert isinstance(opened, OpenFrame)
            self._tell(self._draft.error(opened, reason, detail), None, opened.part, opened)

    def _tell(
        self, draft: VerdictDraft, distance_map: MapDraft | None, part: Part | None, opened: OpenFrame | None = None
    ) -> None:
        """Report a frame's verdict and, with the last of a part's frames, the part's."""
        self._report(draft, distance_map, opened.frame if opened is not None and opened.shown else None)
        if part is not None and part.add(draft):
            self._triggers.close(part)
            part.model.use.leave()
            self._report(self._draft.part(part), None, None)


def web_scales(cameras: Mapping[str, CameraPolicy], bundle: Bundle) -> dict[str, float]:
    """Scale of every camera that looks at a web, mm per px."""
    scales = {name: scale_of(camera, bundle) for name, camera in cameras.items() if camera.web is not None}
    return {name: scale for name, scale in scales.items() if scale is not None}


def _dismiss(opened: OpenFrame) -> None:
    """It will not go to the engine."""
    opened.frame.release()
    opened.model.use.leave()
