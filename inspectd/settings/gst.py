"""Cameras through GStreamer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from inspectd.settings.camera import CameraBase, DropPolicy
from inspectd.settings.section import Positive


class GstCameraBase(CameraBase):
    """What can be set for any camera through GStreamer."""

    drop: DropPolicy | None = None
    """`oldest`, `newest` or `block`. Default: `oldest` for what is live, `block` otherwise."""


class GstCamera(GstCameraBase):
    """Any GStreamer pipeline; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"(?s)^gst:.*\S")
    """`gst:` and a pipeline as gst-launch-1.0 takes it, without its sink."""
    live: bool = True
    """False for files and other sources that end: nothing is lost, and the end of the pipeline is no fault."""
    jpeg: bool = False
    """The pipeline delivers JPEG pictures, which are checked and decoded here."""


class RtspCamera(GstCameraBase):
    """A network camera through GStreamer: H.264 or H.265 over RTSP; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^rtsps?://.+")
    """The stream's URL, with user and password where the camera wants them."""
    transport: Literal["tcp", "udp"] = "tcp"
    """`tcp` loses no packet; `udp` waits for none."""
    latency_ms: int = Field(default=100, ge=0, le=60_000)
    """Time for packets that come out of order, ms."""
    decoder: Literal["auto", "software"] = "auto"
    """`auto`: the graphics card's or the Jetson's decoder where there is one."""


class V4l2Camera(GstCameraBase):
    """A USB or built-in camera through GStreamer (Video4Linux); see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^v4l2:/dev/.+")
    """`v4l2:` and a device, as `/dev/video0`."""
    width: int | None = Field(default=None, ge=16)
    """Frame width, px. A device that cannot deliver it is not opened."""
    height: int | None = Field(default=None, ge=16)
    """Frame height, px."""
    rate_hz: Positive | None = None
    """Frame rate."""
    jpeg: bool = False
    """Have the camera send JPEG pictures, as most USB cameras must at full size; they are checked and decoded here."""


class PatternCamera(GstCameraBase):
    """A test picture that moves, through GStreamer; see [cameras.md](cameras.md)."""

    source: str = Field(pattern=r"^pattern:[a-z0-9-]+$")
    """`pattern:` and the name of one of videotestsrc's patterns, as `ball` or `smpte`."""
    width: int = Field(default=1280, ge=16, le=16384)
    """Frame width, px."""
    height: int = Field(default=720, ge=16, le=16384)
    """Frame height, px."""
    rate_hz: Positive = 25.0
    """Frames a second."""
    mono: bool = False
    """Grey pictures rather than colour."""
