"""What a candidate in the shadow costs the line: with it and without, in short turns, in the same daemon.

The line is kept busy for a share of its time, or gets as many frames as it can take; verdicts are timed at a
subscriber, from the moment the frame was ready. The candidate is the same graph with another threshold, so it would
like as much time as the line's own engine. In every other turn it is stopped (SIGSTOP), so that whatever else happens
on the machine falls on both alike. While it loads it is lent the line's priority: with its own, on a line that takes
all of the machine, it would not load within minutes.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.bundle import Bundle, write_bundle
from inspectd.client import Client, Controller, Outcome, Verdict
from inspectd.models.active import activated
from inspectd.models.registry import Registry
from tools.bench.line import Load, RunningLine, running_line, write_frames
from tools.bench.pipeline import engine_rate
from tools.errors import ToolsError

TURN_S = 2.0
SETTLE_S = 0.5
"""After a turn began; verdicts until then belong to neither."""
PATIENCE_S = 10.0
HURRY_S = 0.05
"""Between looks for the candidate's process and its threads while it loads."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of the line's time."""

    median_ms: float
    p99_ms: float
    frames_hz: float
    late: int
    """Verdicts that missed their deadline."""


@dataclass(frozen=True)
class Cost:
    """Of one round: with a candidate and without."""

    shadowed: Stretch
    alone: Stretch
    compared_hz: float
    """Frames that the candidate looked at, a second."""

    @property
    def p99(self) -> float:
        """With ÷ without."""
        return self.shadowed.p99_ms / self.alone.p99_ms

    @property
    def rate(self) -> float:
        """Frames a second, likewise."""
        return self.shadowed.frames_hz / self.alone.frames_hz


def measure_shadow(load: Load, share: float | None, deadline_ms: float, rounds: int) -> Iterator[Cost]:
    """Rounds in one daemon; `share` is the part of the time that its engine is busy, None for all that it can take.

    Raises:
        ToolsError: no verdict came.
    """
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        folder = Path(scratch)
        write_frames(load, folder / "frames")
        registry = Registry(folder / "models")
        candidate = _candidate(load.bundle, folder)
        for bundle in (load.bundle, candidate):
            registry.add(bundle.path, None, None)
        registry.write_active(activated(None, load.bundle.path.name))
        with (
            running_line(load, folder, _camera(load, share, deadline_ms), registry.directory) as line,
            Controller(line.control) as controller,
        ):
            with _hurried(line.pid):
                controller.shadow(candidate.path.name, who="bench", why="a measurement")
            process = _process_of_candidate(line.pid)
            if process is None:
                raise ToolsError("the candidate has no process")
            for _ in range(rounds):
                yield _round(line, controller, process, load.seconds)


def _camera(load: Load, share: float | None, deadline_ms: float) -> dict[str, object]:
    if share is None:
        return {}
    frames_hz = share * engine_rate(load) / load.tiles_per_frame / load.cameras
    return {"rate_hz": frames_hz, "drop": "oldest", "deadline_ms": deadline_ms}


def _candidate(bundle: Bundle, folder: Path) -> Bundle:
    calibration = bundle.calibration.model_copy(update={"threshold": 1.1 * bundle.calibration.threshold})
    return write_bundle(
        folder,
        bundle.manifest,
        model=bundle.model,
        centroids=bundle.centroids,
        calibration=calibration,
        golden=bundle.golden,
        report="",
    )


def _round(line: RunningLine, controller: Controller, candidate: int, seconds: float) -> Cost:
    """`seconds` for each of both; `candidate` is its process."""
    seen: dict[bool, list[float]] = {True: [], False: []}
    late, compared, turns = {True: 0, False: 0}, 0, max(1, round(seconds / TURN_S))
    with Client(line.verdicts) as client:
        for looks_on in turns * (True, False):
            before = _compared(controller)
            os.kill(candidate, signal.SIGCONT if looks_on else signal.SIGSTOP)
            latencies, errors = _turn(client)
            seen[looks_on] += latencies
            late[looks_on] += errors
            compared += _compared(controller) - before
    os.kill(candidate, signal.SIGCONT)
    shadowed, alone = (
        Stretch(
            float(np.median(seen[on])), float(np.percentile(seen[on], 99)), len(seen[on]) / (turns * TURN_S), late[on]
        )
        for on in (True, False)
    )
    return Cost(shadowed, alone, compared / (turns * (SETTLE_S + TURN_S)))


def _turn(client: Client) -> tuple[list[float], int]:
    """Latencies in ms, and how many of the verdicts are ERROR."""
    latencies, errors, begin = [], 0, time.monotonic() + SETTLE_S
    while (now := time.monotonic()) < begin + TURN_S:
        event = client.receive(PATIENCE_S)
        if event is None:
            raise ToolsError(f"no verdict within {PATIENCE_S:g} s; this is no measurement")
        if isinstance(event, Verdict) and now >= begin:
            latencies.append((time.monotonic_ns() - event.captured_monotonic_ns) / 1e6)
            errors += event.outcome is Outcome.ERROR
    return latencies, errors


def _compared(controller: Controller) -> int:
    shadow = controller.status().shadow
    if shadow is None or shadow.reason is not None:
        raise ToolsError(f"the candidate does not look on: {shadow and shadow.reason}")
    return shadow.figures.compared


@contextmanager
def _hurried(daemon: int) -> Iterator[None]:
    """While the block runs, this daemon's candidate does not yield to all others; afterwards it does again."""
    done = threading.Event()

    def hurry() -> None:
        while not done.wait(HURRY_S):
            _schedule(_process_of_candidate(daemon), os.SCHED_OTHER)

    thread = threading.Thread(target=hurry, name="hurry")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _schedule(_process_of_candidate(daemon), os.SCHED_IDLE)


def _schedule(process: int | None, policy: int) -> None:
    """For every thread of a process, as far as there is one."""
    with suppress(OSError):  # it or one of its threads has ended
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))


def _process_of_candidate(daemon: int) -> int | None:
    """The number of the child that is a candidate."""
    for children in Path(f"/proc/{daemon}/task").glob("*/children"):
        with suppress(OSError):  # one has ended meanwhile
            for child in children.read_text().split():
                if b"inspectd.shadow.start" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None
