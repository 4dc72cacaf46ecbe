"""Frames that wait for the engine: one bounded queue a camera, under that camera's drop policy."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from inspectd.pipeline.ledger import OpenFrame
from inspectd.settings import DropPolicy


@dataclass(frozen=True)
class QueuePolicy:
    """How one camera's frames wait."""

    limit: int
    """Most frames that wait."""
    drop: DropPolicy


class FrameQueues:
    """The waiting frames of all cameras; the one with the nearest deadline is taken first.

    A camera whose frame finds its queue full asks for more than its share, and until its queue is empty again it comes
    after all others: one that floods the engine loses its own frames, never those of a camera that the engine could
    have served. Those that flood share what is left by their deadlines.
    """

    def __init__(self, policies: Mapping[str, QueuePolicy]) -> None:
        self._policies = policies
        self._waiting: dict[str, deque[OpenFrame]] = {camera: deque() for camera in policies}
        self._flooding: set[str] = set()
        self._arrived = threading.Condition()
        self._closed = False

    def put(self, opened: OpenFrame) -> OpenFrame | None:
        """Add a frame and return the one that must be given up for it, if any.

        A camera that blocks is held back by its ring of buffers, not here, so that none of its frames is given up.
        """
        policy = self._policies[opened.frame.camera]
        waiting = self._waiting[opened.frame.camera]
        with self._arrived:
            dropped = None
            if len(waiting) >= policy.limit:
                self._flooding.add(opened.frame.camera)
                if policy.drop is DropPolicy.NEWEST:
                    return opened
                if policy.drop is DropPolicy.OLDEST:
                    dropped = waiting.popleft()
            waiting.append(opened)
            self._arrived.notify()
            return dropped

    def wait(self) -> OpenFrame | None:
        """Wait for a frame and look at the one whose turn it is; it stays. None where the queues were closed."""
        with self._arrived:
            while (camera := self._next()) is None:
                if self._closed:
                    return None
                self._arrived.wait()
            return self._waiting[camera][0]

    def take(self) -> OpenFrame | None:
        """The waiting frame whose turn it is; None where there is none."""
        with self._arrived:
            camera = self._next()
            return None if camera is None else self._take_of(camera)

    def _next(self) -> str | None:
        filled = [camera for camera, waiting in self._waiting.items() if waiting]
        return min(filled, key=self._turn) if filled else None

    def _turn(self, camera: str) -> tuple[bool, int]:
        """Smallest first."""
        return camera in self._flooding, self._waiting[camera][0].due_ns

    def _take_of(self, camera: str) -> OpenFrame:
        waiting = self._waiting[camera]
        taken = waiting.popleft()
        if not waiting:
            self._flooding.discard(camera)
        return taken

    def waiting(self) -> dict[str, int]:
        """Frames that wait, by camera."""
        return {camera: len(waiting) for camera, waiting in self._waiting.items()}

    def close(self) -> None:
        """Wake whoever waits; what still waits can be taken."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
