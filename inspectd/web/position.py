"""How far the web had moved at a moment: from a constant speed, or from an encoder's counts. Any thread.

A position that cannot be known is not invented: it is None, with the reason in words.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, Protocol

KEPT_COUNTS: Final = 8192
"""Counts that are remembered, and at most twice as many: more than a minute's, at a hundred a second."""


@dataclass(frozen=True)
class Position:
    """A place along the web."""

    mm: float | None
    """None where it is not known."""
    detail: str | None = None
    """Why it is not known, in words."""


class PositionSource(Protocol):
    """What knows how far the web had moved."""

    def at(self, monotonic_ns: int) -> Position:
        """The position at a moment, CLOCK_MONOTONIC."""


class ConstantSpeed:
    """A web that runs at one speed. Its position was 0 where CLOCK_MONOTONIC was, when the host started: so it goes on
    over a restart of the daemon, and is one for all cameras."""

    def __init__(self, mm_s: float) -> None:
        self._mm_s = mm_s

    def at(self, monotonic_ns: int) -> Position:
        """See `PositionSource.at`."""
        return Position(monotonic_ns * self._mm_s / 1e9)


class EncoderCounts:
    """Counts and their moments: between two counts the position is interpolated, after the newest it is continued."""

    def __init__(self, mm_per_count: float, stale_s: float) -> None:
        """After a count, or after the one before it, positions are known for `stale_s`."""
        self._mm_per_count = mm_per_count
        self._stale_s = stale_s
        self._lock = threading.Lock()
        self._moments: list[int] = []
        self._counts: list[int] = []

    @property
    def newest_ns(self) -> int | None:
        """The moment of the newest count, CLOCK_MONOTONIC; None before the first."""
        with self._lock:
            return self._moments[-1] if self._moments else None

    def add(self, count: int, monotonic_ns: int) -> None:
        """Take a count; its moment must come after `newest_ns`."""
        with self._lock:
            assert not self._moments or monotonic_ns > self._moments[-1]
            self._moments.append(monotonic_ns)
            self._counts.append(count)
            if len(self._moments) >= 2 * KEPT_COUNTS:
                del self._moments[:-KEPT_COUNTS], self._counts[:-KEPT_COUNTS]

    def at(self, monotonic_ns: int) -> Position:
        """See `PositionSource.at`."""
        with self._lock:
            after = bisect_right(self._moments, monotonic_ns)
            if after == 0:
                return Position(None, "no encoder count had come by then")
            since_s = (monotonic_ns - self._moments[after - 1]) / 1e9
            if since_s > self._stale_s:
                return Position(
                    None, f"the last encoder count was {since_s:.1f} s old (web.stale_s = {self._stale_s:g})"
                )
            if since_s == 0:
                return Position(self._counts[after - 1] * self._mm_per_count)
            # The web's speed: that between the counts on both sides, or that of the last two.
            second = min(after, len(self._moments) - 1)
            return self._on_line(second - 1, second, monotonic_ns)

    def _on_line(self, first: int, second: int, monotonic_ns: int) -> Position:
        if first < 0:
            return Position(None, "only one encoder count had come by then, which tells no speed")
        begin_ns, span_ns = self._moments[first], self._moments[second] - self._moments[first]
        if monotonic_ns > self._moments[second] and span_ns > self._stale_s * 1e9:
            return Position(None, f"the last two encoder counts lay {span_ns / 1e9:.1f} s apart (web.stale_s)")
        share = (monotonic_ns - begin_ns) / span_ns
        count = self._counts[first] + share * (self._counts[second] - self._counts[first])
        return Position(count * self._mm_per_count)
