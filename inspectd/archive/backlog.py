"""What waits to be written: copies of pictures, in memory that has a bound."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.archive.layout import Kept
from inspectd.frames import Frame
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Verdict

_VERDICT_BYTES: Final = 4096
"""Of memory, about; so that verdicts without a picture have a bound as well."""


@dataclass(frozen=True)
class CopiedPicture:
    """Pixels of its own."""

    pixels: NDArray[np.uint8]
    """H×W or H×W×3."""
    pixel_format: PixelFormat


@dataclass(frozen=True)
class Copy:
    """A frame to be kept."""

    kept: Kept
    verdict: Verdict
    picture: CopiedPicture | None
    """None where the frame has none."""
    distance_map: MapDraft | None

    @classmethod
    def of(cls, kept: Kept, verdict: Verdict, frame: Frame | None, distance_map: MapDraft | None) -> Copy:
        """Copy a frame whose buffer is held."""
        picture = None if frame is None else CopiedPicture(frame.pixels.copy(), frame.pixel_format)
        return cls(kept, verdict, picture, distance_map)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        picture = 0 if self.picture is None else self.picture.pixels.nbytes
        return _VERDICT_BYTES + picture + (0 if self.distance_map is None else self.distance_map.distance.nbytes)


class Backlog:
    """One thread puts in, one takes out, in order."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Copy] = deque()
        self._bytes = 0
        self._closed = False

    def put(self, copy: Copy) -> bool:
        """False: there is no room for it. A single one always has room, however large."""
        with self._changed:
            if self._closed or (self._waiting and self._bytes + copy.nbytes > self._max_bytes):
                return False
            self._waiting.append(copy)
            self._bytes += copy.nbytes
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> Copy | None:
        """The oldest; None where none came in time, or none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            if not self._waiting:
                return None
            copy = self._waiting.popleft()
            self._bytes -= copy.nbytes
            return copy

    def close(self) -> None:
        """Take nothing more in. What is in can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_closed(self, timeout_s: float) -> bool:
        """Wait until it is closed; False where it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)

    @property
    def ended(self) -> bool:
        """Closed, and nothing left."""
        with self._changed:
            return self._closed and not self._waiting

    def __len__(self) -> int:
        return len(self._waiting)
