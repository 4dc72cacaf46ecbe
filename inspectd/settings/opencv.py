"""Cameras through OpenCV."""

from __future__ import annotations

from pydantic import Field

from inspectd.settings.camera import CameraBase, DropPolicy
from inspectd.settings.section import Positive


class OpencvCamera(CameraBase):
    """A camera, video file or network stream through OpenCV (V4L2 and FFmpeg)."""

    source: str = Field(pattern=r"^opencv:.+")
    """`opencv:` and a device (`/dev/video0` or its number), a video file or a URL."""
    drop: DropPolicy | None = None
    """`oldest`, `newest` or `block`. Default: `block` for a video file, `oldest` for everything live."""
    width: int | None = Field(default=None, ge=16)
    """Frame width asked of a device, px."""
    height: int | None = Field(default=None, ge=16)
    """Frame height asked of a device, px."""
    rate_hz: Positive | None = None
    """Frame rate asked of a device."""
    loop: bool = False
    """Begin a video file again after its end."""
