"""How the daemon and its cameras are."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel

from inspectd.wire.models.drift import CameraDrift
from inspectd.wire.models.message import TELLS, Count, Finite, Message


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
    drift: CameraDrift | None = None
    """How its good frames compare with calibration; null where that is not watched, and before the first frame."""


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
    threshold: Finite
    """A frame fails where its score reaches this."""
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
