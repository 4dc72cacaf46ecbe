"""The messages on the wire. docs/wire.md is generated from this module.

All lengths are px unless the name says mm; positions count from the upper left corner of the frame. `*_utc` is ISO 8601
in UTC with microseconds; `*_monotonic_ns` is the daemon host's CLOCK_MONOTONIC, comparable within one boot of the host
only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

WIRE_VERSION: Final = 1
"""Version of these messages; it rises only when a reader of the old one would misunderstand the new one."""

Count = Annotated[int, Field(ge=0)]
Pixels = Annotated[float, Field(ge=0)]


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

    model_config = ConfigDict(extra="forbid", frozen=True)

    wire: Literal[1] = WIRE_VERSION
    publisher: str
    """Name of the daemon, from its settings."""
    boot: str
    """Names one life of the daemon; another value means it was restarted."""
    sequence: Count
    """Number of the verdict; on a heartbeat, of the last verdict published. Counts up by one over all cameras and
    over restarts, from 1; a number is never used twice."""


class Region(BaseModel):
    """A defect: a connected area of the map at or above the threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: Pixels
    """Left border of the bounding box."""
    y: Pixels
    """Upper border of the bounding box."""
    width: Pixels
    height: Pixels
    area: Pixels
    """Pixels in the region."""
    centroid_x: Pixels
    """Centre of gravity, weighted by the distance above the threshold."""
    centroid_y: Pixels
    peak: float
    """Largest distance in the region."""
    peak_x: Pixels
    peak_y: Pixels
    width_mm: float | None = None
    height_mm: float | None = None
    area_mm2: float | None = None
    centroid_x_mm: float | None = None
    centroid_y_mm: float | None = None


class Verdict(Message):
    """What is said of one frame, or of a frame that should have been there."""

    kind: Literal["verdict"] = "verdict"
    camera: str
    frame: Count | None
    """Number of the frame, counted by its camera from 1 in each boot; null where there is none (`camera_lost`)."""
    source: str | None = None
    """Where the camera took the frame from, where it can tell: a file's name."""
    surface: str
    bundle: str
    """Name of the bundle that judged."""
    outcome: Outcome
    reason: Reason | None = None
    """Set exactly where the outcome is ERROR."""
    detail: str | None = None
    """The reason in words."""
    score: float | None = None
    """Set exactly where the outcome is PASS or FAIL."""
    threshold: float
    """The frame fails where its score reaches this."""
    regions: tuple[Region, ...] = ()
    """Largest peak first; empty unless the outcome is FAIL."""
    regions_omitted: Count = 0
    """Regions beyond the most that are listed."""
    width: Count | None = None
    """Of the frame."""
    height: Count | None = None
    mm_per_px: float | None = None
    captured_utc: str
    captured_monotonic_ns: Count
    decided_utc: str
    decided_monotonic_ns: Count
    deadline_ms: float
    """The time from capture within which a verdict is promised."""
    latency_ms: float
    """From capture to the decision."""


class MapHeader(Message):
    """Second part of a map message; the third is the payload. `sequence` is the verdict's."""

    kind: Literal["map"] = "map"
    camera: str
    frame: Count
    encoding: Literal["float16", "png"]
    """`float16`: rows × columns little-endian numbers, row by row, the distance as it is. `png`: 8 bits, 255 standing
    for `full_scale` and above."""
    rows: Count
    columns: Count
    cell: Count
    """Side of the square of the frame, px, that one number stands for; the last row and column may reach past it."""
    threshold: float
    full_scale: float
    """The distance that 255 stands for in a PNG: twice the threshold."""


class CameraState(StrEnum):
    """Where a camera is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"
    LOST = "lost"
    BACKING_OFF = "backing_off"
    ENDED = "ended"
    STOPPED = "stopped"


class CameraStatus(BaseModel):
    """A camera as the heartbeat tells it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str
    state: CameraState
    detail: str | None = None
    """Why it is not running, in words."""
    frames: Count
    """Frames taken in this boot."""
    restarts: Count


class DaemonState(StrEnum):
    """Where the daemon is in its life."""

    STARTING = "starting"
    INSPECTING = "inspecting"
    DRAINING = "draining"
    STOPPED = "stopped"


class Heartbeat(Message):
    """Sent every second. Its silence means that nothing is being inspected."""

    kind: Literal["heartbeat"] = "heartbeat"
    beat: Count
    """Counts up by one in each boot."""
    state: DaemonState
    surface: str
    bundle: str
    cameras: tuple[CameraStatus, ...]
    passed: Count
    """Verdicts of this boot by outcome."""
    failed: Count
    errors: Count
    open_frames: Count
    """Frames taken that have no verdict yet."""
    sent_utc: str
    sent_monotonic_ns: Count


class ReplayRequest(BaseModel):
    """Asks for the verdicts from `first` to `last` (both included; to the newest where null)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: Literal["replay"] = "replay"
    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)] | None = None


class ReplayEnd(BaseModel):
    """Closes an answer: the verdicts before it are all that the journal holds of the range asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["replay_end"] = "replay_end"
    first: Count
    """The first number the journal still holds; older ones were removed for age or size. 0 where it is empty."""
    last: Count
    """The newest number that was durable when the answer was made."""
    sent: Count
    """Verdicts in this answer."""


class ReplayError(BaseModel):
    """The answer to a request that could not be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["replay_error"] = "replay_error"
    error: str
