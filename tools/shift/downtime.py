"""When a camera's frames were not judged, how long, and why."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from inspectd.wire.models import Outcome, Verdict

STILL_S = 10.0
"""Without a frame for so long, and for `STILL_FRAMES` times as long as usual between two, a camera stood still."""
STILL_FRAMES = 20
INTERVALS = 101
"""So many of the last intervals say what is usual,"""
LEAST_KNOWN = 3
"""and at least so many."""

NO_FRAMES = "no frames came"
NOT_RUNNING = "the daemon did not run"


@dataclass(frozen=True)
class Stretch:
    """A time in which nothing of a camera was judged."""

    camera: str
    reason: str
    """A reason of the wire, or in words."""
    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long, s."""
        return (self.end - self.begin).total_seconds()


class Watch:
    """Watches one camera's verdicts go past, in order."""

    def __init__(self, camera: str, since: datetime) -> None:
        """The shift begins at `since`."""
        self._camera = camera
        self._since = since
        self._boot: str | None = None
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._failing: tuple[str, datetime] | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self.stretches: list[Stretch] = []

    def add(self, verdict: Verdict, at: datetime) -> None:
        """Take note of the next verdict."""
        if self._failing is None:
            self._look_back(verdict, at)
        if verdict.outcome is Outcome.ERROR:
            self._failing = self._failing or (str(verdict.reason), at)
        elif self._failing is not None:
            self._end(at)
        self._first = self._first or at
        self._boot, self._last = verdict.boot, at

    def close(self, end: datetime) -> None:
        """The shift ends; what fails now fails to its end."""
        if self._failing is not None:
            self._end(end)
        elif self._last is not None:
            self._note_stillness(self._last, end)
        if self._first is not None:  # only now is known what is usual
            self._note_stillness(self._since, self._first)

    def _look_back(self, verdict: Verdict, at: datetime) -> None:
        """Find a gap before this verdict, where none was told."""
        if self._last is None:
            return
        interval = (at - self._last).total_seconds()
        if verdict.boot != self._boot:
            if interval > STILL_S:
                self.stretches.append(Stretch(self._camera, NOT_RUNNING, self._last, at))
            return
        if len(self._intervals) >= LEAST_KNOWN:
            self._note_stillness(self._last, at)
        self._intervals.append(interval)

    def _note_stillness(self, begin: datetime, end: datetime) -> None:
        usual = statistics.median(self._intervals) if self._intervals else 0.0
        if (end - begin).total_seconds() > max(STILL_S, STILL_FRAMES * usual):
            self.stretches.append(Stretch(self._camera, NO_FRAMES, begin, end))

    def _end(self, at: datetime) -> None:
        assert self._failing is not None
        reason, begin = self._failing
        self.stretches.append(Stretch(self._camera, reason, begin, max(begin, at)))
        self._failing = None
