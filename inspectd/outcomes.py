"""What can be said of a frame or a part, and why it can be ERROR."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What is said of a frame."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    ERROR = "ERROR"


class Reason(StrEnum):
    """Why a verdict is ERROR."""

    BAD_FRAME = "bad_frame"
    """The camera delivered something that is no picture."""
    BLANK = "blank"
    """The picture is wholly black or wholly saturated."""
    CAMERA_LOST = "camera_lost"
    """The camera's process died, hung or could not open its source; told once for each loss, without a frame."""
    DEADLINE = "deadline"
    """No verdict was reached before the frame's deadline."""
    ENGINE_FAILED = "engine_failed"
    """The engine failed on the frame."""
    FROZEN = "frozen"
    """The camera delivered the same picture once more, to the last bit."""
    NOT_FINITE = "not_finite"
    """The engine returned NaN or infinity."""
    NO_FRAME = "no_frame"
    """A trigger was given, and the camera delivered no frame for it in time."""
    OVERRUN = "overrun"
    """Frames came faster than they could be inspected and the drop policy gave this one up."""
    SHUTDOWN = "shutdown"
    """The daemon stopped before the frame could be inspected."""
