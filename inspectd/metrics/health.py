"""Whether the daemon inspects, in words for whoever asks over HTTP."""

from __future__ import annotations

import time

from inspectd.vitals import Vitals
from inspectd.wire.models import DaemonState, Heartbeat

SILENT_S = 3.0
"""Without a heartbeat for so long, something is wrong."""


def ailments(heartbeat: Heartbeat | None, vitals: Vitals | None) -> list[str]:
    """Why it does not inspect; empty where it does. A camera that is away does not count: the others are inspected."""
    if heartbeat is None or vitals is None:
        return ["the daemon is starting"]
    found = list(vitals.problems())
    if heartbeat.state is not DaemonState.INSPECTING:
        found.append(f"the daemon is {heartbeat.state}")
    age_s = heartbeat_age_s(heartbeat)
    if age_s > SILENT_S:
        found.append(f"no heartbeat for {age_s:.0f} s")
    return found


def heartbeat_age_s(heartbeat: Heartbeat) -> float:
    """Since it was sent, s."""
    return (time.monotonic_ns() - heartbeat.sent_monotonic_ns) / 1e9
