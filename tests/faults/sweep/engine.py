"""Engines that fail, each in a daemon of its own; see `tests.faults.faulty_daemon`."""

from __future__ import annotations

import time
from pathlib import Path

from inspectd.errors import DeviceFailure, EngineFailure
from tests.faults.faulty_daemon import FAULTY_BATCHES
from tests.faults.sweep.fault import Fault, Seen, fault
from tests.faults.sweep.line import Line, steady


def _program(kind: str) -> tuple[str, ...]:
    return "-m", "tests.faults.faulty_daemon", kind


def _numberless(name: str, kind: str) -> Fault:
    @fault(f"{name} from the engine", f"its graph computes with {name} for {FAULTY_BATCHES} batches")
    def numberless(folder: Path) -> Seen:
        line = Line(folder)
        with line.running(_program(kind)):
            line.wait_for_reason("not_finite", count=FAULTY_BATCHES)
            recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
        assert set(line.reasons()) == {"not_finite"}
        return Seen(line.told(), recovery_s)

    return numberless


@fault("engine slower than the line", "10 ms a tile, two tiles a frame, 120 frames/s", long=True)
def slow(folder: Path) -> Seen:
    line = Line(folder, lambda source: {"web": steady(source, rate_hz=120.0, drop="oldest", deadline_ms=400)})
    with line.running(_program("slow")):
        line.wait_for(lambda: len(line.of("web")) > 300, "300 frames")
    reasons = line.reasons()
    assert reasons["overrun"] > 50
    assert set(reasons) <= {"overrun", "deadline"}
    return Seen(line.told())


def _fatal(name: str, injected: str, kind: str, failure: type[EngineFailure]) -> Fault:
    @fault(name, injected, long=True)
    def fatal(folder: Path) -> Seen:
        line = Line(folder, engine__timeout_s=1.0)
        with line.listening():
            with line.daemon(_program(kind)) as daemon:
                code = daemon.wait()
                ended = time.monotonic_ns()
            assert code == failure.exit_code, f"exit code {code}: {line.log[-1500:]}"
            line.wait_for_reason("engine_failed")
            assert set(line.reasons()) == {"engine_failed"}
            with line.a_life():
                recovery_s = line.wait_for_judged(since_ns=ended)
        return Seen(f"{line.told()}; exit code {code}", recovery_s)

    return fatal


FAULTS = (
    _numberless("NaN", "nan"),
    _numberless("Inf", "inf"),
    slow,
    _fatal("engine hangs", "it never returns from a batch", "hung", EngineFailure),
    _fatal("GPU lost", "every call of its driver fails from then on", "lost-gpu", DeviceFailure),
)
