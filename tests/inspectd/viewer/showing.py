"""A line to look at: real sockets, with a publisher and previews behind them that are fed by hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from engines.pixels import PixelFormat
from inspectd.control import ControlServer
from inspectd.frames import Frame, Loan
from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.previews.previews import Previews
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from inspectd.viewer.sources import Sources
from inspectd.wire.drafts import MapDraft, PartDraft
from inspectd.wire.models import (
    CameraState,
    CameraStatus,
    ChangeAccepted,
    ChangeStanding,
    ChangeState,
    ControlRequest,
    DaemonState,
    ModelStanding,
    Outcome,
    PartFrame,
    Region,
    Status,
    StatusRequest,
    TriggerAccepted,
    TriggerRequest,
)
from tests.daemons import free_port
from tests.inspectd.publishing import draft, local_settings

WIDTH, HEIGHT, CELL = 640, 480, 8
REGION = Region(
    x=96,
    y=160,
    width=80,
    height=48,
    area=3000,
    centroid_x=136,
    centroid_y=184,
    peak=2.5,
    peak_x=140,
    peak_y=184,
    width_mm=20.0,
    height_mm=12.0,
    area_mm2=187.5,
)


STANDING = ModelStanding(
    bundle="brick-0123456789abcdef",
    surface="brick",
    threshold=1.0,
    own_threshold=1.0,
    least_threshold=0.5,
    most_threshold=2.0,
    live=True,
)
DONE = ChangeStanding(
    ticket="1", request="threshold", state=ChangeState.DONE, who="Ada", asked_utc="2026-03-01T06:31:02Z"
)


def pixels(seed: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A grey picture."""
    return np.random.default_rng(seed).integers(60, 200, (height, width), np.uint8)


def frame_of(picture: NDArray[np.uint8], camera: str, number: int, loan: Loan | None = None) -> Frame:
    """A frame as capture hands them over."""
    pixel_format = PixelFormat.MONO8 if picture.ndim == 2 else PixelFormat.RGB8
    return Frame(camera, number, picture, pixel_format, 0, 0, None, loan or Loan(lambda: None))


def heat(region: Region | None) -> MapDraft:
    """A map that is quiet but for a region."""
    distance = np.full((HEIGHT // CELL, WIDTH // CELL), 0.3, np.float32)
    if region is not None:
        top, left = int(region.y) // CELL, int(region.x) // CELL
        distance[top : top + int(region.height) // CELL, left : left + int(region.width) // CELL] = 2.5
    return MapDraft(distance, CELL)


@dataclass
class ShownLine:
    """What is fed."""

    publisher: Publisher
    previews: Previews
    settings: PublishSettings
    cameras: tuple[str, ...]
    state: DaemonState = DaemonState.INSPECTING
    ill: str | None = None
    """A camera that is lost."""
    frames: int = 0
    control: str = ""
    asked: list[ControlRequest] = field(default_factory=list)
    """What came over the control socket."""

    def answer(self, request: ControlRequest) -> BaseModel:
        """As the daemon would, in short."""
        self.asked.append(request)
        match request:
            case TriggerRequest(part=part):
                taken = {"triggered_utc": "2026-03-01T06:31:02.000000Z", "triggered_monotonic_ns": 1}
                return TriggerAccepted(part=part, cameras=self.cameras, deadline_ms=400, **taken)
            case StatusRequest():
                return Status(model=STANDING, changes=(DONE,))
            case _:
                return ChangeAccepted(ticket=DONE.ticket)

    def show(self, outcome: Outcome = Outcome.PASS, camera: str | None = None, **changes: Any) -> None:
        """A verdict, with its picture and map."""
        self.frames += 1
        camera = camera or self.cameras[self.frames % len(self.cameras)]
        regions = (REGION,) if outcome is Outcome.FAIL else ()
        said = draft(self.frames, camera=camera, outcome=outcome, **{"regions": regions, **changes})
        frame = frame_of(pixels(self.frames), camera, self.frames)
        self.publisher.submit(said, None if outcome is Outcome.ERROR else heat(next(iter(regions), None)), frame)

    def show_part(self, part: str, outcome: Outcome = Outcome.PASS) -> None:
        """A verdict on a part."""
        of_frame = draft(1)
        said = PartFrame(camera=self.cameras[0], frame=1, outcome=outcome, score=0.5)
        part_draft = PartDraft(
            surface="brick",
            bundle=of_frame.bundle,
            outcome=outcome,
            part=part,
            frames=(said,),
            deadline_ms=400,
            decided_utc_ns=of_frame.decided_utc_ns,
            decided_monotonic_ns=of_frame.captured_monotonic_ns,
            triggered_utc_ns=of_frame.captured_utc_ns,
            triggered_monotonic_ns=of_frame.captured_monotonic_ns,
        )
        self.publisher.submit(part_draft)

    @property
    def sources(self) -> Sources:
        """Where a viewer finds it."""
        return Sources(
            self.settings.verdicts, self.settings.maps, self.settings.pictures, self.settings.replay, self.control, None
        )

    def status(self) -> DaemonStatus:
        """For the heartbeat."""
        cameras = tuple(
            CameraStatus(camera=name, state=CameraState.RUNNING, frames=self.frames, restarts=0)
            if name != self.ill
            else CameraStatus(camera=name, state=CameraState.LOST, detail="no such device", frames=3, restarts=1)
            for name in self.cameras
        )
        return DaemonStatus(self.state, "brick", "brick-0123456789abcdef", 1.0, cameras, open_frames=2)


@contextmanager
def showing(journal: Path, cameras: tuple[str, ...] = ("web",), **settings: Any) -> Iterator[ShownLine]:
    """A line, in this process."""
    published = local_settings(pictures=f"tcp://127.0.0.1:{free_port()}").model_copy(update=settings)
    with Journal(journal, max_age_days=30, max_size_mb=64) as opened, Previews(published) as previews:
        line: list[ShownLine] = []
        failures: list[Exception] = []
        publisher = Publisher(
            published,
            "line-3",
            uuid.uuid4().hex,
            opened,
            lambda: line[0].status(),  # noqa: PLW0108 - it is made below
            on_fatal=failures.append,
            meters=Meters(cameras),
            onlookers=[previews],
        )
        line.append(ShownLine(publisher, previews, published, cameras, control=f"tcp://127.0.0.1:{free_port()}"))
        try:
            publisher.start()
            with ReplayServer(published.replay, opened), ControlServer(line[0].control, line[0].answer):
                yield line[0]
        finally:
            publisher.close()
        assert failures == []
