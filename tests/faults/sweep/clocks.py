"""The wall clock set while the daemon runs; its monotonic clock goes on, as it does when the kernel's is set."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tests.faults.preload.library import compiled, no_compiler
from tests.faults.sweep.fault import Fault, Seen, fault
from tests.faults.sweep.line import Line

HOUR_S = 3600
MAX_AGE_DAYS = 0.5 / 24
"""So that an hour would make every verdict too old."""


class WallClock:
    """That of the daemons started with its environment, capture processes included."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment = {"LD_PRELOAD": str(compiled("wall_clock", folder)), "WALL_CLOCK": str(self._file)}

    def set(self, offset_s: int) -> None:
        """Against the true time."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:  # it stays the same file: it is mapped
            file.write(struct.pack("q", offset_s))


def _stepped(name: str, injected: str, steps: Mapping[str, int]) -> Fault:
    @fault(name, injected, lacking=no_compiler)
    def stepped(folder: Path) -> Seen:
        clock = WallClock(folder)
        line = Line(folder, journal__max_age_days=MAX_AGE_DAYS)
        told: list[str] = []
        with line.running(environment=clock.environment):
            for words, offset_s in steps.items():
                clock.set(offset_s)
                _wait_for_clock(line, offset_s)
                time.sleep(1.2)  # for the journal to look for what is too old
                told.append(words)
        assert not line.reasons()
        return Seen(f"{line.told()}; nothing removed; clock {', then '.join(told)}")

    return stepped


def _wait_for_clock(line: Line, offset_s: float) -> None:
    line.wait_for(lambda: abs(_offset_s(line) - offset_s) < 5, f"the daemon's clock is {offset_s:+g} s off")


def _offset_s(line: Line) -> float:
    """How far the wall clock is off by the newest verdict, against the monotonic clock."""
    newest = line.heard[-1]
    told_s = datetime.fromisoformat(newest["captured_utc"]).timestamp() - int(newest["captured_monotonic_ns"]) / 1e9
    return told_s - (time.time() - time.monotonic())


FAULTS = (
    _stepped("wall clock +1 h", "set forward", {"+1 h": HOUR_S}),
    _stepped("wall clock −1 h", "set back", {"−1 h": -HOUR_S}),
    _stepped("wall clock steps back", "set forward by 10 s, then back", {"+10 s": 10, "right again": 0}),
)
