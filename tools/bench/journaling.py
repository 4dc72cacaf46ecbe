"""The publisher by itself, as a process: python -m tools.bench.journaling JOURNAL SETTINGS VERDICTS SECONDS.

SETTINGS are `publish` settings as JSON. Publishes VERDICTS as fast as they are taken, then some a second for SECONDS,
prints `Journaling` as JSON, and answers replays until its standard input ends.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from pathlib import Path

from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import CameraState, CameraStatus, DaemonState, Outcome, Region
from tools.bench.journal import FRAMES_PER_S

CAMERA, SURFACE, BUNDLE = "web", "brick", "brick-0123456789abcdef"
FAIL_EVERY = 50
"""One verdict in so many is a FAIL with a region."""
HOUR_MS = 3_600_000.0
"""The deadline: nothing is to come too late, however slow the disk."""
MAX_AGE_DAYS, MAX_SIZE_MB = 30, 1024
"""As by default."""
FLUSH_S = 600.0

REGION = Region(
    x=8, y=16, width=24, height=32, area=600, centroid_x=20.5, centroid_y=31, peak=3.5, peak_x=20, peak_y=28
)
STATUS = DaemonStatus(
    DaemonState.INSPECTING,
    SURFACE,
    BUNDLE,
    1.0,
    (CameraStatus(camera=CAMERA, state=CameraState.RUNNING, frames=0, restarts=0),),
    open_frames=0,
)


def verdict(frame: int) -> VerdictDraft:
    """As the pipeline makes them."""
    failed = frame % FAIL_EVERY == 0
    now_utc, now = time.time_ns(), time.monotonic_ns()
    return VerdictDraft(
        camera=CAMERA,
        frame=frame,
        source=None,
        surface=SURFACE,
        bundle=BUNDLE,
        outcome=Outcome.FAIL if failed else Outcome.PASS,
        score=2.5 if failed else 0.5,
        threshold=1.0,
        regions=(REGION,) if failed else (),
        width=640,
        height=480,
        captured_utc_ns=now_utc,
        captured_monotonic_ns=now,
        decided_utc_ns=now_utc,
        decided_monotonic_ns=now,
        deadline_ms=HOUR_MS,
    )


def publisher_cpu_s() -> float:
    """Processor time of the publisher's thread so far."""
    thread = next(thread for thread in threading.enumerate() if thread.name == "publisher")
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def burst(publisher: Publisher, verdicts: int) -> tuple[float, float]:
    """Verdicts a second, and the publisher's processor time for one, s."""
    drafts = [verdict(frame) for frame in range(1, verdicts + 1)]
    cpu, began = publisher_cpu_s(), time.perf_counter()
    for draft in drafts:
        publisher.submit(draft)
    publisher.flush(FLUSH_S)
    return verdicts / (time.perf_counter() - began), (publisher_cpu_s() - cpu) / verdicts


def paced(publisher: Publisher, first: int, seconds: float) -> float:
    """The publisher's processor time for a verdict at `FRAMES_PER_S`, s."""
    count = max(1, round(seconds * FRAMES_PER_S))
    cpu, began = publisher_cpu_s(), time.perf_counter()
    for index in range(count):
        time.sleep(max(0.0, began + index / FRAMES_PER_S - time.perf_counter()))
        publisher.submit(verdict(first + index))
    publisher.flush(FLUSH_S)
    return (publisher_cpu_s() - cpu) / count


def main(journal: str, settings: str, verdicts: str, seconds: str) -> None:
    """See the module."""
    publish = PublishSettings.model_validate_json(settings)
    failed: list[Exception] = []
    with Journal(Path(journal), MAX_AGE_DAYS, MAX_SIZE_MB) as opened:
        publisher = Publisher(
            publish,
            "bench",
            uuid.uuid4().hex,
            opened,
            lambda: STATUS,
            on_fatal=failed.append,
            meters=Meters([CAMERA]),
        )
        publisher.start()
        try:
            with ReplayServer(publish.replay, opened):
                rate, cpu = burst(publisher, int(verdicts))
                told = {
                    "burst_per_s": rate,
                    "burst_cpu_s": cpu,
                    "paced_cpu_s": paced(publisher, int(verdicts) + 1, float(seconds)),
                    "last": publisher.latest,
                }
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()
                sys.stdin.read()
        finally:
            publisher.close()
    if failed:
        raise failed[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
