"""How old entries are, by a clock that no step of the PC's deceives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

CATCH_UP: Final = 4.0
"""How many times as fast as time passes it may follow a PC's clock that is ahead. A line that runs 8 h a day keeps up;
an hour with the clock ten years ahead makes entries 4 h old."""


class AgeClock:
    """Goes on while the daemon runs, never back, and follows the PC's clock where that is ahead only so fast.

    So a clock that is 1970 after a flat battery, an hour off, or a year ahead until the network sets it right, makes no
    fresh entry old. An entry's `.json` has this clock's time as its time of modification, and so has `archive.json`
    that of the newest: `begin` with it.
    """

    def __init__(
        self,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._seen_s = monotonic_s()
        self._now_s = wall_s()

    def begin(self, newest_s: float) -> None:
        """Go on from the newest entry's time."""
        # One in the future, of a file that was copied or touched, would make all others old at once.
        self._now_s = min(newest_s, self._now_s)

    def reach(self, newest_s: float) -> None:
        """Go on from this entry's time, where it is later."""
        self._now_s = max(self._now_s, min(newest_s, self._wall_s()))

    def now_s(self) -> float:
        """s since 1970, about."""
        seen_s = self._monotonic_s()
        passed_s, self._seen_s = seen_s - self._seen_s, seen_s
        ahead_s = self._wall_s() - self._now_s
        self._now_s += max(passed_s, min(ahead_s, CATCH_UP * passed_s))
        return self._now_s
