"""Every kind of camera, told apart by its source."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag

from inspectd.settings.aravis import AravisCamera
from inspectd.settings.gst import GstCamera, PatternCamera, RtspCamera, V4l2Camera
from inspectd.settings.images import ImagesCamera
from inspectd.settings.opencv import OpencvCamera

CAMERA_KINDS = frozenset({"images", "opencv", "aravis", "gst", "rtsp", "v4l2", "pattern"})


def camera_kind(value: object) -> str | None:
    """The kind of a camera: the part of its source before the first colon."""
    source = value.get("source") if isinstance(value, dict) else getattr(value, "source", None)
    kind = source.partition(":")[0] if isinstance(source, str) and ":" in source else None
    return "rtsp" if kind == "rtsps" else kind


CameraSettings = Annotated[
    Annotated[ImagesCamera, Tag("images")]
    | Annotated[OpencvCamera, Tag("opencv")]
    | Annotated[AravisCamera, Tag("aravis")]
    | Annotated[GstCamera, Tag("gst")]
    | Annotated[RtspCamera, Tag("rtsp")]
    | Annotated[V4l2Camera, Tag("v4l2")]
    | Annotated[PatternCamera, Tag("pattern")],
    Discriminator(
        camera_kind,
        custom_error_type="camera_source",
        custom_error_message=(
            "source must begin with the kind of camera: 'images:', 'opencv:', 'aravis:', 'gst:', 'rtsp:', 'v4l2:' or "
            "'pattern:', as in 'images:/data/web/*.png', 'opencv:/dev/video0' or 'aravis:192.168.10.3'; "
            "'inspectd cameras' lists what is connected"
        ),
    ),
]
