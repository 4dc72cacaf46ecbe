"""The outbox: what waits to be journaled and published. Bounded, so that a slow disk holds the pipeline back instead of
filling the memory."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from inspectd.frames import Frame
from inspectd.wire.drafts import Draft, MapDraft

MAX_DRAFTS = 1024
MAX_MAP_BYTES = 64 << 20
MAX_FRAMES = 8
"""With more that waits, frames are let go: a slow disk must not keep the cameras' buffers."""


@dataclass(frozen=True)
class Parcel:
    """A draft, with the map and the frame that go with it."""

    draft: Draft
    distance_map: MapDraft | None = None
    frame: Frame | None = None
    """Held until the parcel is through, so that onlookers can see it."""

    @property
    def map_bytes(self) -> int:
        """Memory of the map."""
        return 0 if self.distance_map is None else self.distance_map.distance.nbytes

    @property
    def decided_ns(self) -> int:
        """CLOCK_MONOTONIC when it was decided."""
        return self.draft.decided_monotonic_ns


class Outbox:
    """Any thread puts in, one thread takes out, in order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Parcel] = deque()
        self._map_bytes = 0
        self._put = 0
        self._done = 0
        self._blocking = True
        self._closed = False

    def put(self, parcel: Parcel) -> bool:
        """Put a parcel in, waiting while the outbox is full. False: it was not taken, for the outbox takes no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._blocking or not self._full())
            if self._closed or self._full():
                return False
            if parcel.frame is not None and len(self._waiting) >= MAX_FRAMES:
                parcel.frame.release()
                parcel = replace(parcel, frame=None)
            self._waiting.append(parcel)
            self._map_bytes += parcel.map_bytes
            self._put += 1
            self._changed.notify_all()
            return True

    def take(self, most: int, timeout_s: float) -> list[Parcel]:
        """The oldest parcels, at most `most`; empty where none came in time or the outbox was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, max(0.0, timeout_s))
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._map_bytes -= sum(parcel.map_bytes for parcel in taken)
            self._changed.notify_all()
            return taken

    def done(self, count: int) -> None:
        """Tell that so many of the parcels taken are through."""
        with self._changed:
            self._done += count
            self._changed.notify_all()

    def wait_done(self, timeout_s: float) -> bool:
        """Wait until everything put in before this call is through; False when the time is over before that."""
        with self._changed:
            target = self._put
            return self._changed.wait_for(lambda: self._done >= target, timeout_s)

    def refuse_when_full(self) -> None:
        """From now on nobody waits in `put`: what does not fit is refused."""
        with self._changed:
            self._blocking = False
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more. What is in can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest parcel was decided that is to be taken out, CLOCK_MONOTONIC; None where none is."""
        with self._changed:
            return self._waiting[0].decided_ns if self._waiting else None

    def __len__(self) -> int:
        """Parcels that are to be taken out."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._waiting

    def _full(self) -> bool:
        return len(self._waiting) >= MAX_DRAFTS or self._map_bytes >= MAX_MAP_BYTES
