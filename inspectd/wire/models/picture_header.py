"""What comes with a picture."""

from __future__ import annotations

from typing import Literal

from inspectd.outcomes import Outcome
from inspectd.wire.models.message import Count, Message


class PictureHeader(Message):
    """Second part of a picture message; the third is the picture, a JPEG file. `sequence` is the verdict's."""

    kind: Literal["picture"] = "picture"
    """What this message is."""
    camera: str
    """Name of the camera."""
    frame: Count
    """Number of the frame."""
    outcome: Outcome
    """Of the verdict."""
    encoding: Literal["jpeg"] = "jpeg"
    """Of the payload."""
    width: Count
    """Of the picture, px."""
    height: Count
    """Of the picture, px."""
    frame_width: Count
    """Of the frame that it shows whole, px: what a verdict's regions are told in."""
    frame_height: Count
    """Of the frame, px."""
