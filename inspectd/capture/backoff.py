"""How long to wait between two tries."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.5
JITTER: Final = 0.25


class Backoff:
    """Pauses that double from `FIRST_S` to a longest one, ±25 %, so that many cameras do not return in step."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._next_s = FIRST_S

    def pause_s(self) -> float:
        """The pause before the next try, s."""
        pause = self._next_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads tries, hides nothing
        self._next_s = min(2 * self._next_s, self._longest_s)
        return min(pause, self._longest_s)

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._next_s = FIRST_S
