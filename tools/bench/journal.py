"""The journal: how many verdicts a second become durable, what one costs the publisher, and how fast a late client has
them all.

The publisher, with its journal and its replay socket, is a process of its own (`tools.bench.journaling`); the client is
this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inspectd.client import Client
from inspectd.settings import PublishSettings
from inspectd.wire.models import Verdict
from tools.errors import BenchError
from tools.trial_daemon import free_addresses

FRAMES_PER_S = 100
"""Of the line that the cost of a verdict is held against."""
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Journaling:
    """What the publisher tells of itself."""

    burst_per_s: float
    """Verdicts a second from the first submitted to the last durable and sent, as fast as they are taken."""
    burst_cpu_s: float
    """Processor time of the publisher's thread for one of them."""
    paced_cpu_s: float
    """The same at `FRAMES_PER_S`, where each verdict is a transaction of its own."""
    commit_cpu_s: float
    """Of that, what the commit takes, in user space and in the kernel."""
    bare_cpu_s: float
    """At the same pace, for writing as many bytes to a bare file on that disk and syncing it."""
    last: int
    """Number of the last verdict."""


@dataclass(frozen=True)
class JournalFigures:
    """One round."""

    journaling: Journaling
    replay_s: float
    """From connecting to the last verdict."""
    replayed: int
    """Verdicts, in order and each once."""

    @property
    def frame_share(self) -> float:
        """What a verdict costs at `FRAMES_PER_S`, as a share of a frame's time."""
        return self.journaling.paced_cpu_s * FRAMES_PER_S

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self.journaling) | {
            "frame_share": self.frame_share,
            "replayed": self.replayed,
            "replay_s": self.replay_s,
        }


def measure_journal(folder: Path, verdicts: int, seconds: float) -> JournalFigures:
    """Publish so many verdicts in a burst, then `FRAMES_PER_S` for so long, then replay all to a client that was away.

    The journal lies below `folder` meanwhile; it is that disk that is measured.

    Raises:
        BenchError: the publisher failed, or a verdict was missing, twice or out of order.
    """
    with tempfile.TemporaryDirectory(prefix="inspectd-journal-", dir=folder) as scratch:
        heard, maps, replay = free_addresses(3)
        settings = PublishSettings(verdicts=heard, maps=maps, replay=replay, map_encoding="off")
        with _publishing(Path(scratch) / "journal.db", settings, verdicts, seconds) as told:
            seconds_taken, count = _replayed(settings, told.last)
        return JournalFigures(told, seconds_taken, count)


@contextmanager
def _publishing(journal: Path, settings: PublishSettings, verdicts: int, seconds: float) -> Iterator[Journaling]:
    """The publisher's process, once it has published everything; it answers replays until the end of the block."""
    command = [sys.executable, "-m", "tools.bench.journaling", str(journal), settings.model_dump_json()]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, str(verdicts), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchError("the publisher failed; the reason stands above")
        told: dict[str, Any] = json.loads(line)
        yield Journaling(**told)
        process.communicate()


def _replayed(settings: PublishSettings, last: int) -> tuple[float, int]:
    began, expected = time.perf_counter(), 1
    with Client(settings.verdicts, replay=settings.replay, since=1) as client:
        while expected <= last:
            event = client.receive(1.0)
            if isinstance(event, Verdict):
                if event.sequence != expected:
                    raise BenchError(f"verdict {event.sequence} came where {expected} was to come")
                expected += 1
            if time.perf_counter() - began > PATIENCE_S:
                raise BenchError(f"{expected - 1} of {last} verdicts were replayed within {PATIENCE_S:.0f} s")
    return time.perf_counter() - began, expected - 1
