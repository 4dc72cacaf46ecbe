"""The page that Prometheus reads."""

from __future__ import annotations

import math
import time

from prometheus_client import CollectorRegistry, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
AGE_S = 1.0
"""So old a page may be: it is made at most that often, however often it is asked for."""


class Page:
    """For one thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text = b""
        self._made_s = -math.inf

    def text(self) -> bytes:
        """The page, in Prometheus' text format 0.0.4."""
        now = time.monotonic()
        if now - self._made_s >= AGE_S:
            self._text, self._made_s = generate_latest(self._registry), now
        return self._text
