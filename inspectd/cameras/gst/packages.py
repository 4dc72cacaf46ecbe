"""Which package brings which part of GStreamer, on Debian, Ubuntu and Jetson Linux."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

BINDING: Final = "python3-gst-1.0"
"""GStreamer for Python; it brings python3-gi and the descriptions of GStreamer's libraries."""
BASE: Final = "gstreamer1.0-plugins-base"
GOOD: Final = "gstreamer1.0-plugins-good"
BAD: Final = "gstreamer1.0-plugins-bad"
UGLY: Final = "gstreamer1.0-plugins-ugly"
LIBAV: Final = "gstreamer1.0-libav"
JETSON: Final = "nvidia-l4t-gstreamer"
"""From NVIDIA's own repository, which Jetson Linux has set up."""

CAMERA_PACKAGES: Final = (BINDING, BASE, GOOD, BAD, LIBAV)
"""All that this program's own cameras need."""

_ELEMENTS: Final[Mapping[str, str]] = {
    # The first pattern that fits counts.
    JETSON: "nvv4l2* nvvid* nvarguscamerasrc nvjpeg*",
    BASE: "app* decodebin decodebin3 uridecodebin uridecodebin3 videoconvert* videoscale videorate videotestsrc "
    "rawvideoparse tcp*src tcp*sink giosrc compositor",
    GOOD: "rtspsrc rtpbin rtpjitterbuffer rtp*depay rtp*pay udpsrc v4l2src v4l2*dec souphttpsrc multifilesrc "
    "splitfilesrc imagesequencesrc imagefreeze jpegdec jpegenc pngdec pngenc avidemux qtdemux matroskademux "
    "videocrop videobox videoflip videobalance deinterlace",
    BAD: "h26?parse av1parse jpegparse bayer2rgb openh264* x265enc nv*dec nv*enc cuda* va*dec vapostproc v4l2sl*dec "
    "srtsrc shmsrc rtmp*src tsdemux mpegtsmux watchdog",
    UGLY: "x264enc",
    LIBAV: "avdec_* avenc_* avdemux_*",
    "libaravis-0.8-0": "aravissrc",
}
_FORMATS: Final[Mapping[str, str]] = {
    GOOD: "image/jpeg image/png video/quicktime video/x-matroska video/webm video/x-msvideo application/x-rtp",
    BAD: "video/mpegts",
    LIBAV: "video/x-h264 video/x-h265 video/mpeg video/x-av1",
}


def package_of(element: str) -> str | None:
    """The package that brings an element, as `rtspsrc`; None where it is not known."""
    for package, patterns in _ELEMENTS.items():
        if any(fnmatchcase(element, pattern) for pattern in patterns.split()):
            return package
    return None


def package_for(media_type: str) -> str | None:
    """The package that reads a format, as `video/x-h264`; None where it is not known."""
    return next((package for package, types in _FORMATS.items() if media_type in types.split()), None)


def install_command(packages: Iterable[str]) -> str:
    """The command that installs packages, each once."""
    return "sudo apt install " + " ".join(dict.fromkeys(packages))


def missing_elements(names: Iterable[str]) -> str:
    """Says that elements are missing, and which packages bring them."""
    names = list(dict.fromkeys(names))
    packages = [package for name in names if (package := package_of(name)) is not None]
    what = f"GStreamer has no element {', '.join(repr(name) for name in names)}"
    return f"{what}; install it: {install_command(packages)}" if packages else f"{what}; was it misspelt?"
