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
    CAMERA_LOST = "camera_lost"
    """The camera's process died, hung or could not open its source; told once for each loss, without a frame."""
    DEADLINE = "deadline"
    """No verdict was reached before the frame's deadline."""
    ENGINE_FAILED = "engine_failed"
    """The engine failed on the frame."""
    NOT_FINITE = "not_finite"
    """The engine returned NaN or infinity."""
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
    surface: str
    """What is inspected."""
    bundle: str
    """Name of the bundle that judged."""
    outcome: Outcome
    """PASS, FAIL or ERROR. Only PASS says that the frame is good."""
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR."""
    detail: str | None = None
    """The reason in words."""
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
    """Scale of the camera, where it is known."""
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
    """Verdicts PASS published in this boot."""
    failed: Count
    """Verdicts FAIL published in this boot."""
    errors: Count
    """Verdicts ERROR published in this boot."""
    open_frames: Count
    """Frames taken that have no verdict yet."""
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
