"""How fast frames come, and how many of them do not pass."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from inspectd.wire.models import Outcome

WINDOW_S: Final = 30
"""Rates are told over so long."""


@dataclass(frozen=True)
class Rate:
    """Over the last `WINDOW_S`, or since the first frame where that is less."""

    frames_hz: float
    failed: float
    """Share of the frames, 0 to 1."""
    errors: float
    """Likewise."""


class Rates:
    """Of one camera. Counts by whole seconds, so that its size does not depend on how many frames come."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, dict[Outcome, int]]] = deque(maxlen=WINDOW_S + 1)
        self._since_s: float | None = None
        self._told: tuple[int, Rate] | None = None

    def count(self, outcome: Outcome, now_s: float) -> None:
        """A verdict came."""
        if self._since_s is None:
            self._since_s = now_s
        if not self._seconds or self._seconds[-1][0] != int(now_s):
            self._seconds.append((int(now_s), dict.fromkeys(Outcome, 0)))
        self._seconds[-1][1][outcome] += 1

    def rate(self, now_s: float) -> Rate:
        """As of now. The second that runs is not counted, for it is not over: so it is the same all through it."""
        if self._told is None or self._told[0] != int(now_s):
            self._told = int(now_s), self._before(int(now_s))
        return self._told[1]

    def _before(self, end: int) -> Rate:
        begin = end - WINDOW_S
        within = [counts for second, counts in self._seconds if begin <= second < end]
        frames = sum(sum(counts.values()) for counts in within)
        if frames == 0 or self._since_s is None:
            return Rate(0.0, 0.0, 0.0)
        length_s = min(float(WINDOW_S), max(1.0, end - int(self._since_s)))
        failed, errors = (sum(counts[kind] for counts in within) for kind in (Outcome.FAIL, Outcome.ERROR))
        return Rate(frames / length_s, failed / frames, errors / frames)
