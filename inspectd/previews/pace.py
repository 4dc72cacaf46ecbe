"""How many pictures a second the processor has time for: what one takes is measured, and they are spaced by it."""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.005
"""Of one core, for the pictures of all cameras. To send and serve them takes about as much again, often on the same PC,
and all threads of the engine wait for the one that was late."""
LEAST_HZ: Final = 0.5
"""Pictures a second of each camera, whatever they take: one of some seconds ago says nothing of now."""
WEIGHT: Final = 0.2
"""Of the newest picture in what one takes."""


class Pace:
    """Of all cameras together. One thread tells what pictures take, another one asks."""

    def __init__(self, most_hz: float) -> None:
        """`most_hz`: of each camera, whatever there is time for."""
        self._most_hz = most_hz
        self._picture_s: float | None = None

    def took(self, cpu_s: float) -> None:
        """Take note of what a picture took, s of the processor's time."""
        before = self._picture_s
        self._picture_s = cpu_s if before is None else before + WEIGHT * (cpu_s - before)

    def rate_hz(self, cameras: int) -> float:
        """Pictures a second of each of so many cameras, at least one."""
        if not self._picture_s:  # none was made yet
            return self._most_hz
        return min(self._most_hz, max(LEAST_HZ, SHARE / (self._picture_s * cameras)))
