"""The ledger: every frame taken, and every frame that a trigger asked for, is entered here and leaves with exactly one
verdict.

Whoever reaches a verdict first settles the entry: the engine's result, the drop policy, the deadline or the end of the
daemon; for a frame that is awaited, also its arrival, which enters it anew. All later ones find it settled and are
discarded. So nothing can be lost between the threads, and nothing can be said twice.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from inspectd.frames import Frame
from inspectd.pipeline.model import Model
from inspectd.pipeline.parts import Part
from inspectd.pipeline.stages import stage
from inspectd.vitals import Pulse

EARLY_NS = 20_000_000
"""A deadline's ERROR is settled this long before it (at most a tenth of the deadline), so that it is durable and
published in time."""
LONGEST_WAIT_S = 60.0
STALE_ENTRIES = 64
"""What is settled may leave so many entries behind, and twice as many as are open, before they are cleared."""


class Open:
    """Something that is to get a verdict; open until it is settled."""

    def __init__(self, since_ns: int, deadline_ms: float) -> None:
        """`since_ns` is when the deadline began to run, CLOCK_MONOTONIC."""
        self.since_ns = since_ns
        self.deadline_ms = deadline_ms
        deadline_ns = int(deadline_ms * 1e6)
        self.due_ns = since_ns + deadline_ns - min(EARLY_NS, deadline_ns // 10)
        """CLOCK_MONOTONIC from which on no verdict but ERROR for its deadline may be given."""
        self.settled = False
        self.number = -1
        """The ledger's own; given when it is entered."""

    @property
    def overdue(self) -> bool:
        """Whether it is too late for a judgement."""
        return time.monotonic_ns() >= self.due_ns


class OpenFrame(Open):
    """A frame that was taken."""

    def __init__(
        self,
        frame: Frame,
        model: Model,
        deadline_ms: float,
        part: Part | None = None,
        *,
        untriggered: bool = False,
        shown: bool = False,
    ) -> None:
        super().__init__(frame.captured_monotonic_ns, deadline_ms)
        self.frame = frame
        self.model = model
        """What judges it. Its engine is entered."""
        self.arrived_ns = time.monotonic_ns()
        self.submitted_ns = 0
        """CLOCK_MONOTONIC when its first tiles went to the engine."""
        self.part = part
        """What it shows, where a trigger asked for it."""
        self.untriggered = untriggered
        """Whether its camera waits for triggers, and none asked for it."""
        self.shown = shown
        """Whether its pixels are held until its verdict is published, for onlookers."""

    @property
    def frame_shown(self) -> Frame | None:
        """What onlookers see with its verdict."""
        return self.frame if self.shown else None


class Ledger:
    """What is open, and a clock thread that settles it when its deadline has come."""

    def __init__(self, on_deadline: Callable[[Open], None], on_fatal: Callable[[Exception], None]) -> None:
        """`on_deadline` is called for everything whose deadline came first; it is settled already."""
        self._on_deadline = on_deadline
        self._changed = threading.Condition()
        self._open: dict[int, Open] = {}
        self._by_deadline: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._closed = False
        self.pulse = Pulse("deadlines")
        self._clock = stage("deadlines", self._watch_deadlines, on_fatal)

    def start(self) -> None:
        """Start the clock."""
        self._clock.start()

    def enter(self, opened: Open) -> None:
        """Enter something that is to get a verdict."""
        with self._changed:
            opened.number = next(self._numbers)
            self._open[opened.number] = opened
            heapq.heappush(self._by_deadline, (opened.due_ns, opened.number))
            if self._by_deadline[0][1] == opened.number:
                self._changed.notify_all()

    def settle(self, opened: Open) -> bool:
        """Claim the right to give this its verdict. False: it has one."""
        with self._changed:
            if opened.settled:
                return False
            opened.settled = True
            del self._open[opened.number]
            self._clear_stale()
            if not self._open:
                self._changed.notify_all()
            return True

    def settle_all(self) -> list[Open]:
        """Settle everything that is still open and return it, oldest first."""
        with self._changed:
            left = sorted(self._open.values(), key=lambda opened: opened.since_ns)
        return [opened for opened in left if self.settle(opened)]

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until nothing is open; False when the time is over before that."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout_s)

    def __len__(self) -> int:
        """How much is open."""
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
            self.pulse.beat()
            with self._changed:
                if self._closed:
                    self.pulse.end()
                    return
                due = self._take_due()
                if not due:
                    with self.pulse.resting():
                        self._changed.wait(self._seconds_to_next())
            for opened in due:
                if self.settle(opened):
                    self._on_deadline(opened)

    def _take_due(self) -> list[Open]:
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
