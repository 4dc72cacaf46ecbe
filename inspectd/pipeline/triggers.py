"""Triggers: which frame belongs to which part.

A trigger opens a part and enters an awaited frame for each of its cameras in the ledger. A frame that comes claims the
one that awaits it; if none comes in time, the ledger's clock finds the awaited frame still open. Frames are told apart
by when they were captured: one from before the trigger is never its part's, however late it arrives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from inspectd.errors import TriggerRefusedError
from inspectd.pipeline.ledger import Ledger, Open
from inspectd.pipeline.parts import Part
from inspectd.settings import TriggerMode


class AwaitedFrame(Open):
    """A frame that a trigger asked for and that has not come."""

    def __init__(self, camera: str, part: Part) -> None:
        super().__init__(part.triggered_monotonic_ns, part.deadline_ms)
        self.camera = camera
        self.part = part


@dataclass(frozen=True)
class Claim:
    """What a frame that came is for."""

    part: Part | None
    untriggered: bool
    """Whether its camera waits for triggers and none was open for it."""


class TriggerBook:
    """The open parts and the frames they await. Any thread."""

    def __init__(self, modes: Mapping[str, TriggerMode], ledger: Ledger, max_open_parts: int) -> None:
        self._modes = modes
        self._ledger = ledger
        self._max_open_parts = max_open_parts
        self._lock = threading.Lock()
        self._open: dict[str, Part] = {}
        self._awaited: dict[str, deque[AwaitedFrame]] = {camera: deque() for camera in modes}
        self._stopped = False
        self._untriggered = dict.fromkeys(modes, 0)

    def open(self, part: Part) -> None:
        """Await the part's frames.

        Raises:
            TriggerRefusedError: a part with this id is open, too many are, or none is taken any more.
        """
        with self._lock:
            if self._stopped:
                raise TriggerRefusedError("the daemon is ending; it takes no more triggers")
            if part.id in self._open:
                raise TriggerRefusedError(f"part '{part.id}' is open: its verdict has not been given yet")
            if len(self._open) >= self._max_open_parts:
                raise TriggerRefusedError(
                    f"{len(self._open)} parts wait for their verdicts (control.max_open_parts); trigger more slowly"
                )
            self._open[part.id] = part
            for camera in part.cameras:
                awaited = AwaitedFrame(camera, part)
                self._ledger.enter(awaited)
                self._awaited[camera].append(awaited)

    def stop(self) -> None:
        """Take no more; what is open stays open."""
        with self._lock:
            self._stopped = True

    def close(self, part: Part) -> None:
        """The part has its verdict."""
        with self._lock:
            self._open.pop(part.id, None)

    def claim(self, camera: str, captured_ns: int, fired_for: str | None) -> Claim:
        """What a frame is for that was captured at `captured_ns`, and fired for the part `fired_for` if any."""
        with self._lock:
            waiting = self._awaited[camera]
            for awaited in tuple(waiting):
                if self._is_for(awaited, captured_ns, fired_for):
                    waiting.remove(awaited)
                    if self._ledger.settle(awaited):
                        return Claim(awaited.part, untriggered=False)
            untriggered = self._modes[camera] is not TriggerMode.OFF
            self._untriggered[camera] += untriggered
            return Claim(None, untriggered)

    def give_up(self, camera: str, part: Part | None = None) -> list[AwaitedFrame]:
        """Settle what is awaited of a camera that will deliver nothing, for one part or for all; returns it."""
        with self._lock:
            waiting = self._awaited[camera]
            hopeless = [awaited for awaited in waiting if part in {None, awaited.part}]
            self._awaited[camera] = deque(awaited for awaited in waiting if awaited not in hopeless)
        return [awaited for awaited in hopeless if self._ledger.settle(awaited)]

    def forget(self, awaited: AwaitedFrame) -> None:
        """It was settled by its deadline."""
        with self._lock, suppress(ValueError):  # a frame that came too late has taken it off already
            self._awaited[awaited.camera].remove(awaited)

    def untriggered(self, camera: str) -> int:
        """Frames of a camera that waits for triggers which came without one."""
        with self._lock:
            return self._untriggered[camera]

    def _is_for(self, awaited: AwaitedFrame, captured_ns: int, fired_for: str | None) -> bool:
        if self._modes[awaited.camera] is TriggerMode.SOFTWARE:
            return fired_for == awaited.part.id
        return captured_ns >= awaited.part.triggered_monotonic_ns
