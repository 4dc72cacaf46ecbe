"""An inspector with a real engine that can be held back, and everything it reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.base import BatchResult, Ticket
from engines.bundle import Bundle
from engines.errors import EngineError
from engines.onnx import OnnxEngine
from engines.pixels import PixelFormat
from inspectd.frames import Frame, Loan
from inspectd.metrics.meters import Meters
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.model import Model
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import QueuePolicy
from inspectd.settings import DropPolicy, TriggerMode, WebSettings
from inspectd.view.view import WHOLE, View
from inspectd.wire.drafts import Draft, MapDraft, PartDraft, VerdictDraft
from inspectd.wire.models import Reason


class GatedEngine(OnnxEngine):
    """The real engine, held back until its gate opens, and made to fail on request."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle, threads=1, max_batch=4, slots=2)
        self.gate = threading.Event()
        self.gate.set()
        self.fault: EngineError | None = None

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        self.gate.wait(20)
        result = super().collect(ticket, timeout_s)
        if self.fault is not None:
            raise self.fault
        return result


class Line:
    """An inspector with what it reports, and frames whose release is seen."""

    def __init__(
        self,
        model: Model,
        *,
        drop: DropPolicy = DropPolicy.BLOCK,
        deadline_ms: float = 20_000,
        trigger: TriggerMode = TriggerMode.OFF,
        view: View = WHOLE,
        web: WebSettings | None = None,
        onlooker: bool = False,
    ) -> None:
        self.reported: list[Draft] = []
        self.drafts: list[VerdictDraft] = []
        self.parts: list[PartDraft] = []
        self.maps: list[MapDraft | None] = []
        self.fatal: list[Exception] = []
        self.released: list[int] = []
        self.shown: list[int] = []
        self.ended: list[str] = []
        self._lock = threading.Lock()
        self._numbers = iter(range(1, 1_000_000))
        scale = None if web is None else 0.5
        policy = CameraPolicy(deadline_ms, QueuePolicy(3, drop), mm_per_px=scale, trigger=trigger, view=view, web=web)
        self.meters = Meters(["web", "edge"])
        self.inspector = Inspector(
            model,
            {"web": policy, "edge": policy},
            report=self._report,
            on_fatal=self.fatal.append,
            on_ended=self.ended.append,
            engine_timeout_s=20,
            max_regions=8,
            max_open_parts=4,
            meters=self.meters,
            wants_pictures=lambda: onlooker,
        )
        self.inspector.start()

    def _report(self, draft: Draft, distance: MapDraft | None, frame: Frame | None) -> None:
        with self._lock:
            self.reported.append(draft)
            if frame is not None:
                self.shown.append(frame.number)
                frame.release()
            if isinstance(draft, PartDraft):
                self.parts.append(draft)
            elif isinstance(draft, VerdictDraft):
                self.drafts.append(draft)
                self.maps.append(distance)

    def take(
        self, pixels: NDArray[np.uint8], camera: str = "web", *, part: str | None = None, age_s: float = 0.0
    ) -> int:
        frame = self.frame(pixels, camera, part=part, age_s=age_s)
        self.inspector.frame(frame)
        return frame.number

    def frame(
        self, pixels: NDArray[np.uint8], camera: str = "web", *, part: str | None = None, age_s: float = 0.0
    ) -> Frame:
        number = next(self._numbers)
        return Frame(
            camera=camera,
            number=number,
            pixels=pixels,
            pixel_format=PixelFormat.RGB8,
            captured_monotonic_ns=time.monotonic_ns() - int(age_s * 1e9),
            captured_utc_ns=time.time_ns(),
            source=None,
            loan=Loan(lambda: self.released.append(number)),
            part=part,
        )

    def finish(self) -> dict[int, VerdictDraft]:
        self.inspector.drain(20, Reason.SHUTDOWN, "the test ended")
        assert self.inspector.close(20)
        assert self.inspector.open_frames == 0
        numbers = [draft.frame for draft in self.drafts if draft.frame is not None]
        assert len(numbers) == len(set(numbers)), "a frame has two verdicts"
        return {draft.frame: draft for draft in self.drafts if draft.frame is not None}

    def finish_one(self, pixels: NDArray[np.uint8]) -> VerdictDraft:
        number = self.take(pixels)
        return self.finish()[number]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
