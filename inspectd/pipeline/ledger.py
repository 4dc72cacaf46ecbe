"""The ledger: every frame taken is entered here and leaves with exactly one verdict.

Whoever reaches a verdict first settles the frame: the engine's result, the drop policy, the deadline or the end of the
daemon. All later ones find it settled and are discarded. So nothing can be lost between the threads, and nothing can be
said twice.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from inspectd.frames import Frame
from inspectd.pipeline.stages import stage

EARLY_NS = 20_000_000
"""A deadline's ERROR is settled this long before it (at most a tenth of the deadline), so that it is durable and
published in time."""
LONGEST_WAIT_S = 60.0
STALE_ENTRIES = 64
"""Settled frames may leave so many entries behind, and twice as many as frames are open, before they are cleared."""


class OpenFrame:
    """A frame that was taken; open until it is settled."""

    def __init__(self, number: int, frame: Frame, deadline_ms: float) -> None:
        """`number` is the ledger's own."""
        self.number = number
        self.frame = frame
        self.deadline_ms = deadline_ms
        deadline_ns = int(deadline_ms * 1e6)
        self.due_ns = frame.captured_monotonic_ns + deadline_ns - min(EARLY_NS, deadline_ns // 10)
        """CLOCK_MONOTONIC from which on no verdict but ERROR `deadline` may be given."""
        self.settled = False

    @property
    def overdue(self) -> bool:
        """Whether it is too late for a judgement."""
        return time.monotonic_ns() >= self.due_ns


class Ledger:
    """The open frames, and a clock thread that settles those whose deadline has come."""

    def __init__(self, on_deadline: Callable[[OpenFrame], None], on_fatal: Callable[[Exception], None]) -> None:
        """`on_deadline` is called for every frame whose deadline came first; the frame is settled already."""
        self._on_deadline = on_deadline
        self._changed = threading.Condition()
        self._open: dict[int, OpenFrame] = {}
        self._by_deadline: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._closed = False
        self._clock = stage("deadlines", self._watch_deadlines, on_fatal)

    def start(self) -> None:
        """Start the clock."""
        self._clock.start()

    def enter(self, frame: Frame, deadline_ms: float) -> OpenFrame:
        """Enter a frame that was taken."""
        opened = OpenFrame(next(self._numbers), frame, deadline_ms)
        with self._changed:
            self._open[opened.number] = opened
            heapq.heappush(self._by_deadline, (opened.due_ns, opened.number))
            if self._by_deadline[0][1] == opened.number:
                self._changed.notify_all()
        return opened

    def settle(self, opened: OpenFrame) -> bool:
        """Claim the right to give this frame its verdict. False: it has one."""
        with self._changed:
            if opened.settled:
                return False
            opened.settled = True
            del self._open[opened.number]
            self._clear_stale()
            if not self._open:
                self._changed.notify_all()
            return True

    def settle_all(self) -> list[OpenFrame]:
        """Settle every frame that is still open and return them, oldest first."""
        with self._changed:
            left = sorted(self._open.values(), key=lambda opened: opened.frame.captured_monotonic_ns)
        return [opened for opened in left if self.settle(opened)]

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no frame is open; False when the time is over before that."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout_s)

    def __len__(self) -> int:
        """Frames open."""
        return len(self._open)

    def close(self) -> None:
        """Stop the clock."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._clock.is_alive():
            self._clock.join()

    def _watch_deadlines(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                due = self._take_due()
                if not due:
                    self._changed.wait(self._seconds_to_next())
            for opened in due:
                if self.settle(opened):
                    self._on_deadline(opened)

    def _take_due(self) -> list[OpenFrame]:
        now, due = time.monotonic_ns(), []
        while self._by_deadline and (self._by_deadline[0][1] not in self._open or self._by_deadline[0][0] <= now):
            opened = self._open.get(heapq.heappop(self._by_deadline)[1])
            if opened is not None:
                due.append(opened)
        return due

    def _clear_stale(self) -> None:
        if len(self._by_deadline) > STALE_ENTRIES + 2 * len(self._open):
            self._by_deadline = [entry for entry in self._by_deadline if entry[1] in self._open]
            heapq.heapify(self._by_deadline)

    def _seconds_to_next(self) -> float:
        if not self._by_deadline:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, (self._by_deadline[0][0] - time.monotonic_ns()) / 1e9))
