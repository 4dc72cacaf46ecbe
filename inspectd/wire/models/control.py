"""Asking the daemon to do something."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from inspectd.wire.models.control_daemon import DrainRequest, StatusRequest
from inspectd.wire.models.control_models import (
    ActivateRequest,
    DeleteRequest,
    ModelsRequest,
    PromoteRequest,
    RollbackRequest,
    ShadowRequest,
    ThresholdRequest,
    UndoRequest,
)
from inspectd.wire.models.message import ASKS, TELLS, Count, Finite
from inspectd.wire.models.replay import ReplayRequest

PartId = Annotated[str, Field(min_length=1, max_length=128)]


class TriggerRequest(BaseModel):
    """Says that a part is there. Its cameras' next frames are its own, and it gets a verdict, before the deadline.

    A camera with `trigger = "software"` takes its frame now. One with `trigger = "hardware"` is triggered by its own
    line, after the answer to this request has come; of one that runs freely, the first frame from now on counts.
    """

    model_config = ASKS

    request: Literal["trigger"] = "trigger"
    """What is asked for."""
    part: PartId
    """Id of the part, for its verdicts. No other part with this id may be open."""
    cameras: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None = None
    """The cameras that see it; null for all."""
    deadline_ms: Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False)] | None = None
    """Time from now within which the verdict must be there; null for the longest `deadline_ms` of the cameras."""


class TriggerAccepted(BaseModel):
    """The answer to a trigger that was taken: a `part` verdict follows, whatever happens."""

    model_config = TELLS

    kind: Literal["trigger_accepted"] = "trigger_accepted"
    """What this message is."""
    part: str
    """Id of the part."""
    cameras: tuple[str, ...]
    """The cameras whose frames are awaited."""
    deadline_ms: Finite
    """The time from the trigger within which its verdict is promised."""
    triggered_utc: str
    """When the daemon took the trigger."""
    triggered_monotonic_ns: Count
    """The same moment on the monotonic clock."""


class EncoderRequest(BaseModel):
    """Says how far a web has moved. A frame's place is found between the counts before and after its capture."""

    model_config = ASKS

    request: Literal["encoder"] = "encoder"
    """What is asked for."""
    count: Annotated[int, Field(ge=-(2**53), le=2**53)]
    """The encoder's count, which grows as the web moves on. It begins anew where you like, between two rolls."""
    monotonic_ns: Count | None = None
    """When it was read, on the daemon host's monotonic clock, later than the count before; null for now."""
    camera: str | None = None
    """The camera whose web it is; null for all that have `mm_per_count`."""


class EncoderAccepted(BaseModel):
    """The answer to a count that was taken."""

    model_config = TELLS

    kind: Literal["encoder_accepted"] = "encoder_accepted"
    """What this message is."""
    count: int
    """The count."""
    cameras: tuple[str, ...]
    """The cameras whose web it is."""
    monotonic_ns: Count
    """The moment for which it counts."""


ModelChangeRequest = (
    ActivateRequest | RollbackRequest | ShadowRequest | PromoteRequest | ThresholdRequest | UndoRequest | DeleteRequest
)
"""Whatever changes which model judges, and how, or which models there are; answered by `ChangeAccepted`."""

ControlRequest = (
    TriggerRequest | EncoderRequest | StatusRequest | ModelsRequest | ModelChangeRequest | DrainRequest | ReplayRequest
)
"""Whatever the control socket is asked."""


class ControlError(BaseModel):
    """The answer to a request that was refused; nothing was done."""

    model_config = TELLS

    kind: Literal["control_error"] = "control_error"
    """What this message is."""
    error: str
    """What is wrong with the request, in words."""
