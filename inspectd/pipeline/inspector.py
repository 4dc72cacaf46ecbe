"""The inspector: takes frames from the cameras and reports one verdict for each.

Frames wait in queues, are run in batches (`inspectd.pipeline.runner`), and are stitched, levelled and judged when all
of their tiles have come back. The ledger sees to it that each gets one verdict, whatever happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from weakref import WeakSet

from engines.bundle import Bundle
from inspectd.errors import TriggerRefusedError, ViewError
from inspectd.frames import Frame, LostFrame
from inspectd.metrics.meters import Meters
from inspectd.pipeline.batches import FrameWork
from inspectd.pipeline.drafting import Drafter
from inspectd.pipeline.judging import FrameJudge, scale_of
from inspectd.pipeline.ledger import Ledger, Open, OpenFrame
from inspectd.pipeline.model import Model
from inspectd.pipeline.parts import Part
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import FrameQueues
from inspectd.pipeline.runner import BatchRunner
from inspectd.pipeline.triggers import AwaitedFrame, TriggerBook
from inspectd.vitals import Pulse
from inspectd.web.position import EncoderCounts
from inspectd.wire.drafts import ChangeDraft, Draft, MapDraft, VerdictDraft
from inspectd.wire.models import Reason

Report = Callable[[Draft, MapDraft | None, Frame | None], None]
"""Takes what was said, the map that was judged, and the frame, where it is to be shown to onlookers."""


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
        self._runner = BatchRunner(
            self._queues,
            lambda opened: self._judge.framing(opened.frame, opened.model).grid,
            conclude=self._conclude,
            fail=self._settle_error,
            on_fatal=on_fatal,
            engine_timeout_s=engine_timeout_s,
            meters=meters,
        )

    # Its life

    def start(self) -> None:
        """Begin to inspect."""
        self._ledger.start()
        self._runner.start()

    @property
    def pulses(self) -> tuple[Pulse, ...]:
        """Its stages' signs of life."""
        return *self._runner.pulses, self._ledger.pulse

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
        ended = self._runner.close(timeout_s)
        while (opened := self._queues.take()) is not None:  # settled long ago
            _dismiss(opened)
        self._ledger.close()
        return ended

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
        """Report a frame that was taken but cannot be inspected. What is shown of it goes to onlookers alone."""
        claim = self._triggers.claim(lost.camera, lost.captured_monotonic_ns, lost.part)
        model = claim.part.model if claim.part else self._model
        shown = lost.shown
        if shown is not None and not self._wants_pictures():
            shown.release()
            shown = None
        self._tell(self._draft.lost(lost, claim, model), None, claim.part, shown)

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

    # What the engine has said

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
        self._tell(draft, MapDraft(judged.distance, opened.model.geometry.cell), opened.part, opened.frame_shown)
        self._meters.judged(opened, collected_ns, draft.decided_monotonic_ns)

    # What went wrong

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
            self._tell(self._draft.error(opened, reason, detail), None, opened.part, opened.frame_shown)

    def _tell(
        self, draft: VerdictDraft, distance_map: MapDraft | None, part: Part | None, shown: Frame | None = None
    ) -> None:
        """Report a frame's verdict and, with the last of a part's frames, the part's."""
        self._report(draft, distance_map, shown)
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
