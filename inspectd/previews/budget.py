"""Which frames are shown: so many a second and no more, and a defect rather than one more good frame."""

from __future__ import annotations

from typing import Final

CAPACITY: Final = 2.0
"""Frames that may be shown at once after a pause; one of them is kept for a frame that did not pass."""


class Budget:
    """Of one camera: a bucket of tokens.

    A frame that did not pass takes any token, one that did only where the bucket is full: one is left for a defect.
    """

    def __init__(self) -> None:
        self._tokens = CAPACITY
        self._counted_s = 0.0

    def take(self, now_s: float, rate_hz: float, *, passed: bool) -> bool:
        """Whether a frame at `now_s`, which only grows, is shown; since the last one the bucket has filled by `rate_hz`
        tokens a second."""
        self._tokens = min(CAPACITY, self._tokens + (now_s - self._counted_s) * rate_hz)
        self._counted_s = now_s
        if self._tokens < (CAPACITY if passed else 1.0):
            return False
        self._tokens -= 1.0
        return True
