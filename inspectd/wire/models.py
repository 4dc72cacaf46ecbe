"""The messages on the wire. docs/wire.md is generated from this module.

All lengths are px unless the name says mm; positions count from the upper left corner of the frame. `*_utc` is ISO 8601
in UTC with microseconds; `*_monotonic_ns` is the daemon host's CLOCK_MONOTONIC, comparable within one boot of the host
only.

A reader passes over fields that it does not know, so that fields can be added within one wire version. Requests to the
daemon are strict instead: an unknown field there is a misunderstanding.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

WIRE_VERSION: Final = 1
"""Version of these messages; it rises only when a reader of the old one would misunderstand the new one."""

Count = Annotated[int, Field(ge=0)]
Pixels = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

TELLS = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)
"""Of everything that leaves the daemon."""
ASKS = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
"""Of everything that comes to it."""


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


class Message(BaseModel):
    """On every message: who says it, in which life, and how far it has come."""

    model_config = TELLS

    wire: Literal[1] = WIRE_VERSION
    """Version of the wire."""
    publisher: str
    """Name of the daemon, from its settings."""
    boot: str
    """Names one life of the daemon; another value means it was restarted."""
    journal: str
    """Names the journal that counts. Another value means that the journal was lost or replaced, and that numbers began
    anew."""
    sequence: Count
    """Number of the verdict; on a heartbeat, of the last verdict published. Counts up by one over all cameras and
    over restarts, from 1; within one journal a number is never used twice."""


class Region(BaseModel):
    """A defect: a connected area of the map at or above the threshold."""

    model_config = TELLS

    x: Pixels
    """Left border of the bounding box."""
    y: Pixels
    """Upper border of the bounding box."""
    width: Pixels
    """Of the bounding box."""
    height: Pixels
    """Of the bounding box."""
    area: Pixels
    """Pixels in the region."""
    centroid_x: Pixels
    """Centre of gravity, weighted by the distance above the threshold."""
    centroid_y: Pixels
    """Likewise, from the upper border of the frame."""
    peak: Finite
    """Largest distance in the region."""
    peak_x: Pixels
    """Where the peak lies."""
    peak_y: Pixels
    """Where the peak lies."""
    width_mm: Finite | None = None
    """The same in mm; as all `*_mm`, null where the scale is not known."""
    height_mm: Finite | None = None
    """The same in mm."""
    area_mm2: Finite | None = None
    """The same in mm²."""
    centroid_x_mm: Finite | None = None
    """The same in mm."""
    centroid_y_mm: Finite | None = None
    """The same in mm."""
    id: Count | None = None
    """On a web: names the defect. A region that goes on in the next frame has the same id there, so that defects are
    counted by their ids. Unique for one camera in one boot; null without a web."""
    joins: tuple[Count, ...] = ()
    """Other ids that turn out to name the same defect: this region joins what were two in the frame before."""
    along_mm: Finite | None = None
    """Where the region begins along the web; null without a web, or where the frame's place is not known."""
    across_mm: Finite | None = None
    """Where its left border lies across the web; null without a web."""


# What `contradiction` demands, as far as JSON Schema can say it.
_COHERENCE: JsonDict = {
    "if": {"properties": {"outcome": {"const": "ERROR"}}},
    "then": {"properties": {"reason": {"type": "string"}, "score": {"type": "null"}, "regions": {"maxItems": 0}}},
    "else": {"properties": {"reason": {"type": "null"}, "score": {"type": "number"}}},
}


class Verdict(Message):
    """What is said of one frame, or of a frame that should have been there."""

    model_config = {**TELLS, "json_schema_extra": _COHERENCE}

    kind: Literal["verdict"] = "verdict"
    """What this message is."""
    camera: str
    """Name of the camera, from the daemon's settings."""
    frame: Count | None
    """Number of the frame, counted by its camera from 1 in each boot; null where there is none (`camera_lost`)."""
    source: str | None = None
    """Where the camera took the frame from, where it can tell: a file's name."""
    part: str | None = None
    """Id of the part that the frame shows, as its trigger named it; null for a frame that no trigger asked for."""
    untriggered: bool = False
    """The camera waits for triggers, and this frame came without one: it is inspected, but belongs to no part."""
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judged."""
    outcome: Outcome
    """PASS, FAIL or ERROR. Only PASS says that the frame is good."""
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR."""
    detail: str | None = None
    """The reason in words. On a PASS or FAIL of a web: why its place is not known, or what went past before it."""
    score: Finite | None = None
    """Set exactly where the outcome is PASS or FAIL."""
    threshold: Finite
    """The frame fails where its score reaches this."""
    regions: tuple[Region, ...] = ()
    """Largest peak first; empty unless the outcome is FAIL."""
    regions_omitted: Count = 0
    """Regions beyond the most that are listed."""
    width: Count | None = None
    """Of the frame, px; null where no frame came."""
    height: Count | None = None
    """Of the frame, px; null where no frame came."""
    mm_per_px: Finite | None = None
    """Scale of the camera, where it is known; at the middle of the frame, where it is not the same all over."""
    along_mm: Finite | None = None
    """Where the frame begins along the web; null without a web, or where it is not known: `detail` then says why. It
    ends `height` × `mm_per_px` further on."""
    across_mm: Finite | None = None
    """Where the frame's left border lies across the web; null without a web."""
    judged_from_mm: Finite | None = None
    """From here on along the web this verdict counts, to the end of the frame: an earlier frame has judged what lies
    before. Null where `along_mm` is, and on an ERROR."""
    uninspected_mm: Finite = 0
    """Web that went past before this frame without being judged: since the last PASS or FAIL of this camera."""
    captured_utc: str
    """When the camera delivered the frame."""
    captured_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    decided_utc: str
    """When the outcome was decided; the verdict is made durable and published right after."""
    decided_monotonic_ns: Count
    """The same moment on the monotonic clock."""
    deadline_ms: Finite
    """The time from capture within which a verdict is promised."""
    latency_ms: Finite
    """From capture to the decision."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        problem = contradiction(self.outcome, self.reason, self.score, self.threshold, self.regions)
        if problem:
            raise ValueError(problem)
        return self


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


def contradiction(
    outcome: Outcome, reason: Reason | None, score: float | None, threshold: float, regions: tuple[Region, ...]
) -> str | None:
    """What in a verdict denies itself, in words; None where all agrees."""
    if outcome is Outcome.ERROR:
        if reason is None or score is not None or regions:
            return "an ERROR has a reason, and neither score nor regions"
        return None
    if reason is not None or score is None:
        return f"{outcome} has a score, and no reason"
    if (score < threshold) != (outcome is Outcome.PASS):
        return f"{outcome} with score {score:g} against threshold {threshold:g}"
    return "a PASS has no regions" if outcome is Outcome.PASS and regions else None


class MapHeader(Message):
    """Second part of a map message; the third is the payload. `sequence` is the verdict's."""

    kind: Literal["map"] = "map"
    """What this message is."""
    camera: str
    """Name of the camera."""
    frame: Count
    """Number of the frame."""
    encoding: Literal["float16", "png"]
    """`float16`: rows × columns little-endian numbers, row by row, the distance as it is. `png`: 8 bits, 255 standing
    for `full_scale` and above."""
    rows: Count
    """Of the map."""
    columns: Count
    """Of the map."""
    cell: Count
    """Side of the square of the frame, px, that one number stands for; the last row and column may reach past it."""
    threshold: Finite
    """A distance at or above it belongs to a defect."""
    full_scale: Finite
    """The distance that 255 stands for in a PNG: twice the threshold."""


class CameraState(StrEnum):
    """Where a camera is in its life."""

    STARTING = "starting"
    """Its process starts and opens the source."""
    RUNNING = "running"
    """It delivers frames."""
    STALLED = "stalled"
    """It should deliver but does not; its process is about to be replaced."""
    LOST = "lost"
    """Its process died or could not open the source."""
    BACKING_OFF = "backing_off"
    """It was lost; the next try follows after a pause."""
    ENDED = "ended"
    """Its source has ended: the last picture of a folder was taken."""
    STOPPED = "stopped"
    """The daemon stopped it."""


class CameraStatus(BaseModel):
    """A camera as the heartbeat tells it."""

    model_config = TELLS

    camera: str
    """Name of the camera."""
    state: CameraState
    """Where it is in its life."""
    detail: str | None = None
    """Why it is not running, in words."""
    frames: Count
    """Frames taken in this boot."""
    restarts: Count
    """Times its process was replaced in this boot."""
    untriggered: Count = 0
    """Frames in this boot that came without a trigger, from a camera that waits for triggers."""
    uninspected_mm: Finite = 0
    """Web that went past between frames in this boot without being judged."""


class DaemonState(StrEnum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    """The engine or the cameras are not ready yet."""
    INSPECTING = "inspecting"
    """Frames are taken and judged."""
    JOURNAL_FAILING = "journal_failing"
    """The journal cannot be written: verdicts are held back, and the daemon leaves unless it heals within seconds."""
    DRAINING = "draining"
    """No frame is taken any more; those taken get their verdicts."""
    STOPPED = "stopped"
    """The last message of this boot."""


class Heartbeat(Message):
    """Sent every second. Its silence means that nothing is being inspected."""

    kind: Literal["heartbeat"] = "heartbeat"
    """What this message is."""
    beat: Count
    """Counts up by one, from 1 in each boot."""
    state: DaemonState
    """Where the daemon is in its life."""
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judges."""
    cameras: tuple[CameraStatus, ...]
    """Every camera of the settings."""
    passed: Count
    """Verdicts PASS on frames, published in this boot."""
    failed: Count
    """Verdicts FAIL on frames, published in this boot."""
    errors: Count
    """Verdicts ERROR on frames, published in this boot."""
    open_frames: Count
    """Frames taken or triggered that have no verdict yet."""
    sent_utc: str
    """When it was sent."""
    sent_monotonic_ns: Count
    """The same moment on the monotonic clock."""


class ReplayRequest(BaseModel):
    """Asks for the verdicts from `first` to `last`."""

    model_config = ASKS

    request: Literal["replay"] = "replay"
    """What is asked for."""
    first: Annotated[int, Field(ge=1)]
    """The first number wanted."""
    last: Annotated[int, Field(ge=1)] | None = None
    """The last number wanted, included; null for the newest."""


class ReplayEnd(BaseModel):
    """Closes an answer. An answer holds the beginning of the range, up to a limit; ask on from the number after the
    last verdict received, until the range is done or an answer is empty."""

    model_config = TELLS

    kind: Literal["replay_end"] = "replay_end"
    """What this message is."""
    journal: str
    """Names the journal that was read."""
    first: Count
    """The first number the journal still holds; older ones were removed for age or size. 0 where it is empty."""
    last: Count
    """The newest number that was durable when the answer was made."""
    sent: Count
    """Verdicts in this answer."""


class ReplayError(BaseModel):
    """The answer to a request that could not be read."""

    model_config = TELLS

    kind: Literal["replay_error"] = "replay_error"
    """What this message is."""
    error: str
    """What is wrong with the request, in words."""


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


ControlRequest = TriggerRequest | EncoderRequest
"""Whatever the control socket is asked."""


class ControlError(BaseModel):
    """The answer to a request that was refused; nothing was done."""

    model_config = TELLS

    kind: Literal["control_error"] = "control_error"
    """What this message is."""
    error: str
    """What is wrong with the request, in words."""
