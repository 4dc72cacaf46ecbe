"""A part: what a trigger announced, seen by one camera or several, with one verdict over all of its frames."""

from __future__ import annotations

import threading
import time

from inspectd.pipeline.model import Model
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import Outcome


class Part:
    """A part that was triggered, and what its cameras have said of it so far."""

    def __init__(self, id: str, cameras: tuple[str, ...], deadline_ms: float, model: Model) -> None:  # noqa: A002 - the wire's word
        """`model` judges all of its frames."""
        self.id = id
        self.model = model
        self.cameras = cameras
        self.deadline_ms = deadline_ms
        self.triggered_monotonic_ns = time.monotonic_ns()
        self.triggered_utc_ns = time.time_ns()
        self._lock = threading.Lock()
        self._said: dict[str, VerdictDraft] = {}

    def left_ms(self, since_ns: int) -> float:
        """Time from `since_ns` (CLOCK_MONOTONIC) to the part's deadline; 0 where it has passed."""
        return max(0.0, self.deadline_ms - (since_ns - self.triggered_monotonic_ns) / 1e6)

    def add(self, draft: VerdictDraft) -> bool:
        """Take what was said of one of its frames; True when it was the last one."""
        with self._lock:
            self._said[draft.camera] = draft
            return len(self._said) == len(self.cameras)

    @property
    def said(self) -> tuple[VerdictDraft, ...]:
        """What was said of its frames, in the order in which the trigger named the cameras."""
        return tuple(self._said[camera] for camera in self.cameras if camera in self._said)

    @property
    def outcome(self) -> Outcome:
        """Over all frames: a defect that was seen is one; without one, whatever was not judged counts."""
        outcomes = {draft.outcome for draft in self.said}
        return next(outcome for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.PASS) if outcome in outcomes)
