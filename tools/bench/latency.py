"""From a frame that is ready to its verdict at a subscriber, while the engine is busy for a part of the time.

The engine's own rate is measured first, in the same round; the cameras then deliver what keeps it busy for the share
asked for. Both clocks are this machine's CLOCK_MONOTONIC.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspectd.client import Client, Outcome, Verdict
from tools.bench.line import MAX_BATCH, Load, running_line, write_frames
from tools.bench.pipeline import engine_rate
from tools.errors import ToolsError

WARM_UP_S = 2.0
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Latency:
    """Of one round."""

    median_ms: float
    p99_ms: float
    batch_ms: float
    """A full batch in the engine alone."""
    frames: int

    @property
    def ratio(self) -> float:
        """The 99th percentile over the batch."""
        return self.p99_ms / self.batch_ms


def measure_latency(load: Load, share: float) -> Latency:
    """One round: the engine alone, then the daemon under `share` of its load.

    Raises:
        ToolsError: a verdict was ERROR, or none came.
    """
    rate = engine_rate(load)
    frames_hz = share * rate / load.tiles_per_frame / load.cameras
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        folder = Path(scratch)
        write_frames(load, folder / "frames")
        with (
            running_line(load, folder, {"rate_hz": frames_hz, "drop": "oldest"}) as line,
            Client(line.verdicts) as client,
        ):
            seen = _latencies_ms(client, load.seconds)
    return Latency(float(np.median(seen)), float(np.percentile(seen, 99)), 1000 * MAX_BATCH / rate, frames=len(seen))


def _latencies_ms(client: Client, seconds: float) -> list[float]:
    begin = time.monotonic() + WARM_UP_S
    seen: list[float] = []
    while (now := time.monotonic()) < begin + seconds:
        event = client.receive(PATIENCE_S)
        if event is None:
            raise ToolsError(f"no verdict within {PATIENCE_S:g} s; this is no measurement")
        if isinstance(event, Verdict) and now >= begin:
            if event.outcome is Outcome.ERROR:
                raise ToolsError(f"the daemon said ERROR {event.reason}; this is no measurement")
            seen.append((time.monotonic_ns() - event.captured_monotonic_ns) / 1e6)
    return seen
