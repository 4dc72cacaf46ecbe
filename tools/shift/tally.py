"""What is counted while a shift's messages go past; a shift of millions of verdicts takes little memory."""

from __future__ import annotations

import heapq
import itertools
from array import array
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import Change, Numbered, Outcome, PartVerdict, Reason, Verdict
from tools.shift.downtime import Stretch, Watch
from tools.shift.places import Places
from tools.shift.reading import Window, moment

BINS = 48
"""Of the shift, for whatever is shown over time: ten minutes each, for eight hours."""
WORST = 12
"""Frames shown."""


class Tally:
    """Of one shift."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.publishers: set[str] = set()
        self.surfaces: set[str] = set()
        self.bundles: Counter[str] = Counter()
        """Verdicts by the bundle that judged."""
        self.outcomes: dict[str, Counter[Outcome]] = {}
        """Verdicts on frames, by camera."""
        self.reasons: Counter[tuple[str, Reason]] = Counter()
        """ERRORs by camera and reason."""
        self.over_time: dict[Outcome, NDArray[np.int64]] = {outcome: np.zeros(BINS, np.int64) for outcome in Outcome}
        self.scores: dict[str, list[array[float]]] = {}
        """Score / threshold, by camera and bin; 4 bytes each."""
        self.parts: Counter[Outcome] = Counter()
        self.places: dict[str, Places] = {}
        """By camera; of those with defects."""
        self.changes: list[Change] = []
        self._watches: dict[str, Watch] = {}
        self._worst: list[tuple[float, int, Verdict]] = []
        self._numbers = itertools.count()

    def add(self, message: Numbered) -> None:
        """Count a message."""
        self.publishers.add(message.publisher)
        match message:
            case Change():
                self.changes.append(message)
            case PartVerdict():
                self.parts[message.outcome] += 1
            case Verdict():
                self._add(message, moment(message))

    def close(self) -> None:
        """All messages were counted."""
        for watch in self._watches.values():
            watch.close(self.window.until)

    def _add(self, verdict: Verdict, at: datetime) -> None:
        camera, time_bin = verdict.camera, self._bin(at)
        self.surfaces.add(verdict.surface)
        self.bundles[verdict.bundle] += 1
        self.outcomes.setdefault(camera, Counter())[verdict.outcome] += 1
        self.over_time[verdict.outcome][time_bin] += 1
        self._watches.setdefault(camera, Watch(camera, self.window.since)).add(verdict, at)
        if verdict.reason is not None:
            self.reasons[camera, verdict.reason] += 1
        if verdict.score is not None:
            bins = self.scores.setdefault(camera, [array("f") for _ in range(BINS)])
            bins[time_bin].append(verdict.score / verdict.threshold)
        if verdict.outcome is Outcome.FAIL:
            self._add_defective(verdict)

    def _add_defective(self, verdict: Verdict) -> None:
        if verdict.width and verdict.height:
            self.places.setdefault(verdict.camera, Places(verdict.width, verdict.height)).add(verdict)
        assert verdict.score is not None
        entry = verdict.score / verdict.threshold, -next(self._numbers), verdict
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)

    def _bin(self, at: datetime) -> int:
        passed = (at - self.window.since).total_seconds() / self.window.seconds
        return min(BINS - 1, int(BINS * passed))

    @property
    def total(self) -> Counter[Outcome]:
        """Verdicts on frames, of all cameras."""
        return sum(self.outcomes.values(), Counter[Outcome]())

    @property
    def worst(self) -> list[Verdict]:
        """The frames furthest above their threshold, worst first."""
        return [verdict for _, _, verdict in sorted(self._worst, key=lambda entry: entry[:2], reverse=True)]

    @property
    def stretches(self) -> list[Stretch]:
        """When nothing was judged, all cameras, in order of time."""
        found = itertools.chain.from_iterable(watch.stretches for watch in self._watches.values())
        return sorted(found, key=lambda stretch: stretch.begin)


def tally(window: Window, messages: Iterable[Numbered]) -> Tally:
    """Count a shift's messages."""
    counted = Tally(window)
    for message in messages:
        counted.add(message)
    counted.close()
    return counted
