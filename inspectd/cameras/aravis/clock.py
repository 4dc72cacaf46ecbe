"""A camera's time stamps on this machine's monotonic clock.

Arrival of a frame's first packet is known exactly, but lags by however long network and scheduler took, a different
time for each frame. The camera's own stamp has no such jitter, but counts from the camera's start, and its quartz
drifts. The least lag seen lately is taken for the constant part: a frame was taken at its own stamp plus that. So times
between frames are the camera's, which positions along a moving web rest on, and no time lies after the arrival. No
latch register is needed, which not every camera has.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_NS: Final = 10_000_000_000
"""How long a lag is remembered. Quartz of 100 ppm drifts 1 ms in this time."""
PLAUSIBLE_LAG_NS: Final = 1_000_000_000
"""A frame that seems to have lagged by more tells of a stamp that jumped."""


class CameraClock:
    """Fed with every frame in turn."""

    def __init__(self) -> None:
        self._offsets: deque[tuple[int, int]] = deque()
        """Arrival, and arrival less stamp; arrivals and offsets ascend, so that the first offset is the least."""
        self._last_stamp_ns = 0

    def captured_ns(self, stamp_ns: int, arrival_ns: int) -> int:
        """CLOCK_MONOTONIC at which a frame was taken, from the camera's stamp (ns, any origin) and its arrival.

        A stamp that stands still or goes backwards is not used, and nor are those before it.
        """
        if stamp_ns <= self._last_stamp_ns:
            self._offsets.clear()
        self._last_stamp_ns = stamp_ns
        offset = arrival_ns - stamp_ns
        if self._offsets and abs(offset - self._offsets[0][1]) > PLAUSIBLE_LAG_NS:
            self._offsets.clear()
        self._remember(arrival_ns, offset)
        return stamp_ns + self._offsets[0][1]

    def _remember(self, arrival_ns: int, offset: int) -> None:
        while self._offsets and self._offsets[-1][1] >= offset:
            self._offsets.pop()
        self._offsets.append((arrival_ns, offset))
        while self._offsets[0][0] < arrival_ns - WINDOW_NS:
            self._offsets.popleft()
