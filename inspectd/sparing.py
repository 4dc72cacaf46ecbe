"""Telling the log of what may happen thousands of times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

TELL_S: Final = 10.0
"""From one line to the next."""


class Sparing:
    """The first time at once, then a line every `TELL_S` that says how often it happened since. Any thread."""

    def __init__(self, log: Callable[..., Any], event: str) -> None:
        """`log` writes a line, as `log.warning`."""
        self._log = log
        self._event = event
        self._lock = threading.Lock()
        self._times = 0
        self._told_s = -TELL_S

    def tell(self, **what: Any) -> None:
        """It has happened; `what` belongs to this time."""
        with self._lock:
            now_s = time.monotonic()
            self._times += 1
            if now_s - self._told_s < TELL_S:
                return
            times, self._times, self._told_s = self._times, 0, now_s
        self._log(self._event, times=times, **what)
