"""Between a pipeline's streaming thread and the thread that reads the camera."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

ROOM: Final = 4
"""Pictures that may wait to be read: a small burst. More would starve drivers that own but a few buffers."""


@dataclass
class Arrival:
    """A sample (Gst.Sample), as it came."""

    sample: Any
    arrived_monotonic_ns: int
    missed: int = 0
    """Pictures that gave way just before it."""
    broken: int = 0
    """Pictures that could not be decoded just before it."""


class Shelf:
    """Holds at most `ROOM` samples. Where it is full the oldest gives way and is counted, or the pipeline waits."""

    def __init__(self, *, block: bool) -> None:
        self._block = block
        self._waiting: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._broken = 0
        self._closed = False

    def note_broken(self) -> None:
        """A picture could not be decoded; any thread."""
        with self._changed:
            self._broken += 1

    def take_broken(self) -> int:
        """How many were noted since the last sample."""
        with self._changed:
            broken, self._broken = self._broken, 0
            return broken

    def put(self, sample: Any) -> None:
        """Called by the streaming thread."""
        arrival = Arrival(sample, time.monotonic_ns())
        with self._changed:
            while self._block and len(self._waiting) == ROOM and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            arrival.broken, self._broken = self._broken, 0
            self._waiting.append(arrival)
            if len(self._waiting) > ROOM:
                oldest = self._waiting.popleft()
                self._waiting[0].missed += oldest.missed + 1
                self._waiting[0].broken += oldest.broken
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Arrival | None:
        """The oldest; None where none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, timeout_s)
            if not self._waiting:
                return None
            self._changed.notify_all()
            return self._waiting.popleft()

    def close(self) -> None:
        """Take no more; whoever waits in `put` goes on."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
