"""Frames that the camera took but that never came, told by gaps in the numbers that it gives them."""

from __future__ import annotations

from typing import Final

LAST_OF_16_BITS: Final = 65535
"""GigE Vision counts in 16 bits and leaves out 0, but for its newer extended ids."""
MOST_MISSING: Final = 1000
"""A larger step is a new count, not that many missing frames."""


class FrameNumbers:
    """Fed with every buffer in turn. A number is believed of whole frames only; the rest may bear an earlier one's."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._incomplete = 0

    def incomplete(self) -> None:
        """A frame came, but not whole."""
        self._incomplete += 1

    def arrived(self, number: int) -> int:
        """A whole frame came. How many are missing between it and the whole one before, incomplete ones apart."""
        missing = 0 if self._last is None else self._step(self._last, number) - 1 - self._incomplete
        self._last, self._incomplete = number, 0
        return missing if 0 < missing <= MOST_MISSING else 0

    @staticmethod
    def _step(last: int, number: int) -> int:
        wrapped = number < last <= LAST_OF_16_BITS
        return number - last + LAST_OF_16_BITS if wrapped else number - last
