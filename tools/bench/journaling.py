"""The publisher by itself, as a process: python -m tools.bench.journaling JOURNAL SETTINGS VERDICTS SECONDS.

SETTINGS are `publish` settings as JSON. Publishes VERDICTS as fast as they are taken, then some a second for SECONDS,
prints `Journaling` as JSON, and answers replays until its standard input ends.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import CameraState, CameraStatus, DaemonState, Outcome, Region
from tools.bench.journal import FRAMES_PER_S, Journaling

CAMERA, SURFACE, BUNDLE = "web", "brick", "brick-0123456789abcdef"
FAIL_EVERY = 50
"""One verdict in so many is a FAIL with a region."""
HOUR_MS = 3_600_000.0
"""The deadline: nothing is to come too late, however slow the disk."""
MAX_AGE_DAYS, MAX_SIZE_MB = 30, 1024
"""As by default."""
FLUSH_S = 600.0
BARE_BYTES = 2 << 20
"""The file that is synced bare is as long as SQLite's log, and like that written from its beginning again."""

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


class MeasuredJournal(Journal):
    """Knows what its commits took."""

    commits_cpu_s = 0.0
    """Processor time of all of them, in user space and in the kernel."""

    def append(self, first: int, messages: Sequence[bytes], changes: Mapping[int, str] | None = None) -> None:
        """See `Journal`."""
        began = time.thread_time()
        super().append(first, messages, changes)
        self.commits_cpu_s += time.thread_time() - began


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


def paced(publisher: Publisher, journal: MeasuredJournal, first: int, seconds: float) -> tuple[float, float]:
    """The publisher's processor time for a verdict at `FRAMES_PER_S`, s, and that of its commit alone."""
    cpu, commits = publisher_cpu_s(), journal.commits_cpu_s
    count = 0
    for index in _ticks(seconds):
        publisher.submit(verdict(first + index))
        count += 1
    publisher.flush(FLUSH_S)
    return (publisher_cpu_s() - cpu) / count, (journal.commits_cpu_s - commits) / count


def bare(folder: Path, size: int, seconds: float) -> float:
    """Processor time, s, for writing `size` bytes to a file and syncing it, at `FRAMES_PER_S`: no commit costs less."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(bytes(BARE_BYTES))
        os.fsync(file)
        content, cpu_s, count = bytes(size), 0.0, 0
        for index in _ticks(seconds):
            began = time.thread_time()
            os.pwrite(file.fileno(), content, index * size % BARE_BYTES)
            os.fdatasync(file)
            cpu_s += time.thread_time() - began
            count += 1
    return cpu_s / count


def _ticks(seconds: float) -> Iterator[int]:
    """Counts from 0, each number at its moment."""
    began = time.perf_counter()
    for index in range(max(1, round(seconds * FRAMES_PER_S))):
        time.sleep(max(0.0, began + index / FRAMES_PER_S - time.perf_counter()))
        yield index


def main(journal: str, settings: str, verdicts: str, seconds: str) -> None:
    """See the module."""
    publish = PublishSettings.model_validate_json(settings)
    failed: list[Exception] = []
    with MeasuredJournal(Path(journal), MAX_AGE_DAYS, MAX_SIZE_MB) as opened:
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
                paced_cpu, commit_cpu = paced(publisher, opened, int(verdicts) + 1, float(seconds))
                with opened.reader() as reader:
                    (newest,) = reader.read(publisher.latest, publisher.latest, 1)
                told = Journaling(
                    burst_per_s=rate,
                    burst_cpu_s=cpu,
                    paced_cpu_s=paced_cpu,
                    commit_cpu_s=commit_cpu,
                    bare_cpu_s=bare(opened.path.parent, len(newest), float(seconds)),
                    last=publisher.latest,
                )
                sys.stdout.write(json.dumps(asdict(told)) + "\n")
                sys.stdout.flush()
                sys.stdin.read()
        finally:
            publisher.close()
    if failed:
        raise failed[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
