"""Times as the wire tells them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(utc_ns: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC with microseconds, `2026-11-24T03:00:00.000000Z`."""
    seconds, nanoseconds = divmod(utc_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
