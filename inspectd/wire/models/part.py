"""What is said of a part."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, model_validator

from inspectd.outcomes import Outcome, Reason
from inspectd.wire.models.message import TELLS, Count, Finite, Message


class PartFrame(BaseModel):
    """What was said of one of a part's frames; the camera's verdict with the same `part` tells more."""

    model_config = TELLS

    camera: str
    """Name of the camera."""
    frame: Count | None
    """Number of the frame; null where none came."""
    outcome: Outcome
    """PASS, FAIL or ERROR."""
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR."""
    score: Finite | None = None
    """Set exactly where the outcome is PASS or FAIL."""


class PartVerdict(Message):
    """What is said of a part that was triggered, once each of its cameras has said something, or cannot any more.

    FAIL where a frame failed: a defect that was seen is one, whatever else went wrong. ERROR where none failed but not
    all passed. PASS only where every camera's frame passed.
    """

    kind: Literal["part"] = "part"
    """What this message is."""
    part: str
    """Id of the part, as the trigger named it."""
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judged."""
    outcome: Outcome
    """PASS, FAIL or ERROR. Only PASS says that the part is good."""
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR: that of the first camera, in order of `frames`, that has one."""
    detail: str | None = None
    """The reason in words."""
    frames: tuple[PartFrame, ...]
    """One for each camera that the trigger asked, in the order in which it named them."""
    triggered_utc: str
    """When the daemon took the trigger."""
    triggered_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    decided_utc: str
    """When the outcome was decided."""
    decided_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    deadline_ms: Finite
    """The time from the trigger within which a verdict is promised."""
    latency_ms: Finite
    """From the trigger to the decision."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.outcome is Outcome.ERROR) != (self.reason is not None):
            raise ValueError("an ERROR has a reason, and nothing else has")
        if self.outcome is Outcome.PASS and any(frame.outcome is not Outcome.PASS for frame in self.frames):
            raise ValueError("a part passes only where all its frames do")
        return self
