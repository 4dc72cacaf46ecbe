"""How the daemon ends: how long what is open may take, what is said of the rest, and with which exit code."""

from __future__ import annotations

from typing import Final, NamedTuple

from inspectd.errors import CameraError, EngineFailure, InspectdError
from inspectd.settings import Settings
from inspectd.wire.models import Reason

FATAL_DRAIN_S: Final = 0.5
"""After a fault no engine's result is to be expected; this is for those already on their way."""
GRACE_S: Final = 5.0
"""Beyond the frames' own deadlines, where nobody waits for the end."""


class Patience(NamedTuple):
    """With frames that have no verdict yet."""

    seconds: float
    reason: Reason
    """Of the ERROR for those that take longer."""
    detail: str


def patience(settings: Settings, fault: Exception | None, told: str | None) -> Patience:
    """What ends it is a `fault`, or a signal that it was `told`; neither where every source has ended."""
    if isinstance(fault, EngineFailure):
        return Patience(FATAL_DRAIN_S, Reason.ENGINE_FAILED, str(fault))
    if fault is not None:
        return Patience(FATAL_DRAIN_S, Reason.SHUTDOWN, f"the daemon ended by a fault: {fault}")
    if told is None:
        deadline_s = max(camera.deadline_ms for camera in settings.cameras.values()) / 1000
        return Patience(deadline_s + GRACE_S, Reason.SHUTDOWN, "the daemon ended")
    drain_s = settings.drain_s
    detail = f"the daemon stopped, and drain_s = {drain_s:g} s were not enough for this frame"
    return Patience(drain_s, Reason.SHUTDOWN, detail)


def exit_code(fault: Exception | None, *, all_came: bool) -> int:
    """`all_came`: whether every camera was there."""
    if fault is None:
        return 0 if all_came else CameraError.exit_code
    return fault.exit_code if isinstance(fault, InspectdError) else EngineFailure.exit_code
