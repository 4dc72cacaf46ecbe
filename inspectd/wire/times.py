"""Times as the wire tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def utc_text(utc_ns: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC with microseconds, `2026-11-24T03:00:00.000000Z`."""
    seconds, nanoseconds = divmod(utc_ns, 1_000_000_000)
    return f"{_second_text(seconds)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=16)  # what is said together was seen within a second or two
def _second_text(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).replace(tzinfo=None).isoformat()
