"""A bridge's long run: `python -m tests.bridges.marathon modbus --verdicts 10000 --rate 100`.

First the time from a verdict's decision until the PLC sees it, at a steady rate, journal included; then as many
verdicts as wanted, during which the bridge is killed twice and the daemon's publisher once; last, silence. Prints the
figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from inspectd.client import replay
from inspectd.wire.models import Verdict
from tests.bridges.plcs import Seen
from tests.bridges.rig import PROTOCOLS, Rig, rig

BRIDGE_KILLS = (0.25, 0.75)
"""When, as shares of the run."""
PUBLISHER_KILL = 0.5


@dataclass
class Figures:
    protocol: str
    verdicts: int
    acted_on: int
    in_order: bool
    once: bool
    right_outcome: bool
    repeats_offered: int
    """Tickets offered although they had been acted on: after each kill of the bridge at most one."""
    seconds: float
    latency_ms: dict[str, float]
    unsafe_after_silence_s: float
    """From the publisher's death until ready is gone."""


def run(folder: Path, protocol: str, verdicts: int, rate_hz: float, steady: int) -> Figures:
    """All of it."""
    with rig(folder, protocol) as line:
        latency = measure_latency(line, steady, rate_hz)
        begin = time.monotonic()
        interrupted(line, verdicts, rate_hz)
        seconds = time.monotonic() - begin
        told = [Verdict.model_validate_json(body) for body in replay(line.settings.replay, 1)]
        silence_s = measure_silence(line)
        numbers = [seen.sequence for seen in line.plc.seen]
        return Figures(
            protocol=protocol,
            verdicts=len(told),
            acted_on=len(numbers),
            in_order=numbers == sorted(numbers),
            once=numbers == [verdict.sequence for verdict in told],
            right_outcome=[_outcome(seen) for seen in line.plc.seen] == [verdict.outcome.value for verdict in told],
            repeats_offered=line.plc.repeats,
            seconds=round(seconds, 1),
            latency_ms=latency,
            unsafe_after_silence_s=round(silence_s, 3),
        )


def _outcome(seen: Seen) -> str:
    return {1: "PASS", 2: "FAIL", 3: "ERROR"}[seen.outcome]


def measure_latency(line: Rig, count: int, rate_hz: float) -> dict[str, float]:
    """From the decision to the PLC, ms, by quantile; in it are journal, wire and bridge."""
    line.feed.publish(count, rate_hz)
    last = line.feed.wait()
    line.plc.wait_for(last)
    decided = {
        v.sequence: v.decided_monotonic_ns for v in map(Verdict.model_validate_json, replay(line.settings.replay, 1))
    }
    ms = [(seen.at_ns - decided[seen.sequence]) / 1e6 for seen in line.plc.seen]
    return {f"p{100 * q:g}": round(float(np.quantile(ms, q)), 2) for q in (0.5, 0.9, 0.99, 1.0)}


def interrupted(line: Rig, count: int, rate_hz: float) -> None:
    """So many more verdicts, with kills on the way; back when the PLC has acted on the last one."""
    start = line.plc.seen[-1].sequence if line.plc.seen else 0
    last = start + count
    line.feed.publish(count, rate_hz)
    killed = start + int(PUBLISHER_KILL * count)
    for share in BRIDGE_KILLS:
        if start + share * count > killed:
            _kill_publisher(line, killed, last, rate_hz)
        line.plc.wait_for(start + int(share * count), 300)
        line.bridge.restart()
    line.plc.wait_for(last, 300)


def _kill_publisher(line: Rig, at: int, last: int, rate_hz: float) -> None:
    """Kill it in full swing; the next one publishes what the journal does not hold."""
    line.plc.wait_for(at, 300)
    line.feed.restart()
    line.feed.publish(0, rate_hz)
    line.feed.publish(last - line.feed.wait(), rate_hz)


def measure_silence(line: Rig) -> float:
    """Kill the publisher for good; how long ready outlived it, s."""
    line.plc.wait_ready()
    killed_ns = time.monotonic_ns()
    line.feed.kill()
    line.plc.wait_ready(False)
    return (line.plc.ready[-1][1] - killed_ns) / 1e9


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--verdicts", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--steady", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), options.protocol, options.verdicts, options.rate, options.steady)
    print(json.dumps(asdict(figures), indent=1))


if __name__ == "__main__":
    main()
