"""Signs of life: whether every stage makes progress.

A stage that waits with nothing to do is alive. One at work has so long for a step, and beats when it begins the next. A
stage that is stuck, in an engine call, a write to disk or a lock, beats no more; nothing beats on its behalf.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

STEP_S = 10.0
"""For one step of a stage. Far beyond what any takes that makes progress, on a slow disk too."""


class Pulse:
    """A stage's. Its thread beats, any thread looks."""

    def __init__(self, stage: str, patience_s: float = 0.0) -> None:
        """`patience_s` is what a step may wait for others, besides its own `STEP_S`."""
        self.stage = stage
        self._limit_s = STEP_S + patience_s
        self._since_s: float | None = None

    def beat(self) -> None:
        """A step begins."""
        self._since_s = time.monotonic()

    def end(self) -> None:
        """There are no more steps, on purpose."""
        self._since_s = None

    def fail(self) -> None:
        """There are no more steps, though there should be."""
        self._since_s = -math.inf

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While it waits with nothing to do; the next step begins when that is over."""
        self._since_s = None
        try:
            yield
        finally:
            self.beat()

    def problem(self) -> str | None:
        """Why this stage is not alive, in words."""
        since_s = self._since_s
        if since_s is None or (stuck_s := time.monotonic() - since_s) <= self._limit_s:
            return None
        return f"{self.stage} failed" if math.isinf(stuck_s) else f"{self.stage} stuck for {stuck_s:.0f} s"


class Vitals:
    """Those of all stages."""

    def __init__(self, pulses: Sequence[Pulse]) -> None:
        self._pulses = pulses

    def alive(self) -> dict[str, bool]:
        """Whether each stage is, by its name."""
        return {pulse.stage: pulse.problem() is None for pulse in self._pulses}

    def problems(self) -> tuple[str, ...]:
        """What is not alive, in words; empty when all is well."""
        return tuple(problem for pulse in self._pulses if (problem := pulse.problem()) is not None)
