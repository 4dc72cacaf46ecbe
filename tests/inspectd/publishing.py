"""A real publisher and replay server, in this process or in one of their own that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from inspectd.client import Client
from inspectd.doorkeeper import Guard
from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from inspectd.wire.drafts import MapDraft, VerdictDraft
from inspectd.wire.models import CameraState, CameraStatus, DaemonState, Outcome, Region
from tests.daemons import free_port


def heard_until(client: Client, until: Callable[[Any], bool], timeout_s: float = 30.0) -> list[Any]:
    """Everything that a client tells, up to the event that was waited for."""
    end, heard = time.monotonic() + timeout_s, []
    while time.monotonic() < end:
        event = client.receive(0.2)
        if event is not None:
            heard.append(event)
            if until(event):
                return heard
    raise AssertionError(f"waited in vain, heard {heard}")


STATUS = DaemonStatus(
    DaemonState.INSPECTING,
    "brick",
    "brick-0123456789abcdef",
    2.0,
    (CameraStatus(camera="web", state=CameraState.RUNNING, frames=7, restarts=0),),
    open_frames=2,
)
CAMERAS = ("web", "web2", "edge", "left", "right", "other")
"""Those that drafts may be of."""
REGION = Region(
    x=8, y=16, width=24, height=32, area=600, centroid_x=20.5, centroid_y=31, peak=3.5, peak_x=20, peak_y=28
)


def draft(frame: int | None, *, camera: str = "web", outcome: Outcome = Outcome.FAIL, **changes: Any) -> VerdictDraft:
    """A draft as the pipeline makes them."""
    score = {Outcome.PASS: 0.5, Outcome.FAIL: 2.5, Outcome.ERROR: None}[outcome]
    now_utc, now = time.time_ns(), time.monotonic_ns()
    values = {
        "camera": camera,
        "frame": frame,
        "source": f"{frame}.png",
        "surface": "brick",
        "bundle": "brick-0123456789abcdef",
        "outcome": outcome,
        "score": score,
        "threshold": 1.0,
        "regions": (REGION,) if outcome is Outcome.FAIL else (),
        "width": 640,
        "height": 480,
        "captured_utc_ns": now_utc,
        "captured_monotonic_ns": now,
        "decided_utc_ns": now_utc + 5_000_000,
        "decided_monotonic_ns": now + 5_000_000,
        "deadline_ms": 1000.0,
    }
    return VerdictDraft(**{**values, **changes})


def distance_map(rows: int = 6, columns: int = 9) -> MapDraft:
    """A map whose values all differ, from 0 to 3."""
    return MapDraft(np.linspace(0, 3, rows * columns, dtype=np.float32).reshape(rows, columns), cell=8)


def local_settings(**changes: Any) -> PublishSettings:
    """Addresses of this machine that nobody uses."""
    verdicts, maps, replay = (f"tcp://127.0.0.1:{free_port()}" for _ in range(3))
    return PublishSettings(verdicts=verdicts, maps=maps, replay=replay, **changes)


@contextmanager
def publishing(journal: Path, settings: PublishSettings, guard: Guard | None = None) -> Iterator[Publisher]:
    """Publisher and replay server over a journal, in this process."""
    with Journal(journal, max_age_days=30, max_size_mb=64) as opened:
        failures: list[Exception] = []
        publisher = Publisher(
            settings,
            "line-3",
            uuid.uuid4().hex,
            opened,
            lambda: STATUS,
            on_fatal=failures.append,
            meters=Meters(CAMERAS),
            guard=guard,
        )
        try:
            publisher.start()
            with ReplayServer(settings.replay, opened, guard):
                yield publisher
        finally:
            publisher.close()
        assert failures == []


@dataclass
class PublishingProcess:
    """The same in a process of its own; killed at the end of the block if it still lives."""

    journal: Path
    settings: PublishSettings

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self, *, submit: int = 0) -> None:
        """Start it, and submit so many verdicts before anybody can have connected."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.journal), self.settings.model_dump_json(), str(submit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def submit(self, count: int) -> int:
        """Submit verdicts; returns the number of the last one when all are published."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def stop(self) -> None:
        """Let it close in order."""
        self.process.communicate(timeout=20)
        assert self.process.returncode == 0

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


def main(journal: str, settings: str, submit: str) -> None:
    """Publish as many verdicts as each line of standard input says; answer each with the last number."""
    with publishing(Path(journal), PublishSettings.model_validate_json(settings)) as publisher:
        _submit(publisher, int(submit))
        for line in sys.stdin:
            _submit(publisher, int(line))


def _submit(publisher: Publisher, count: int) -> None:
    for frame in range(1, count + 1):
        publisher.submit(draft(frame), distance_map())
    assert publisher.flush(20)
    print(publisher.latest, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
