"""From a camera's settings to the pipeline that reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from textwrap import shorten

from inspectd.cameras.gst.runtime import HARDWARE_DECODERS
from inspectd.settings import GstCamera, PatternCamera, RtspCamera, V4l2Camera

GstSettings = GstCamera | RtspCamera | V4l2Camera | PatternCamera
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_QUOTED_LENGTH = 100
_RTSP_ELEMENTS = ("rtpjitterbuffer", "rtph264depay", "rtph265depay", "h264parse", "h265parse")


@dataclass(frozen=True)
class Recipe:
    """A pipeline up to where the daemon puts its sink."""

    text: str
    """As gst-launch-1.0 takes it."""
    source: Mapping[str, str] = field(default_factory=dict)
    """Properties of its element `source`; set apart, so that nothing in a value is read as pipeline."""
    jpeg: bool = False
    """It delivers JPEG pictures rather than pixels."""
    brought: tuple[str, ...] = ()
    """Elements that `decodebin` is to bring in once it knows what comes."""
    hardware: bool = True
    """`decodebin` may take a hardware decoder."""
    live: bool = True
    """Its pictures come by themselves, and it does not end."""


def recipe_of(settings: GstSettings, has: Callable[[str], bool]) -> Recipe:
    """The pipeline for a camera; `has` tells whether an element is installed."""
    match settings:
        case GstCamera():
            return Recipe(settings.source.partition(":")[2], jpeg=settings.jpeg, live=settings.live)
        case RtspCamera():
            return _rtsp(settings, has)
        case V4l2Camera():
            return _v4l2(settings)
        case PatternCamera():
            return _pattern(settings)


def quoted(source: str) -> str:
    """A source as messages quote it: on one line, not too long, and with no user and password."""
    return shorten(without_credentials(source), _QUOTED_LENGTH, placeholder=" …")


def without_credentials(text: str) -> str:
    """The text with no user and password in its URLs."""
    return _CREDENTIALS.sub("//", text)


def _rtsp(settings: RtspCamera, has: Callable[[str], bool]) -> Recipe:
    hardware = settings.decoder == "auto"
    timeout_us = round(settings.stall_s * 1e6)
    text = (
        f"rtspsrc name=source protocols={settings.transport} latency={settings.latency_ms} "
        f"timeout={timeout_us} tcp-timeout={timeout_us} ! application/x-rtp,media=video ! decodebin"
    )
    if hardware and has("nvv4l2decoder") and has("nvvidconv"):
        # A Jetson's decoder leaves pictures in memory of its own; this brings them out.
        text += " ! nvvidconv ! video/x-raw,format=BGRx"
    decoders = () if hardware and any(map(has, HARDWARE_DECODERS)) else ("avdec_h264", "avdec_h265")
    return Recipe(text, {"location": settings.source}, brought=(*_RTSP_ELEMENTS, *decoders), hardware=hardware)


def _v4l2(settings: V4l2Camera) -> Recipe:
    caps = ["image/jpeg" if settings.jpeg else "video/x-raw"]
    caps += [f"{key}={value}" for key in ("width", "height") if (value := getattr(settings, key)) is not None]
    if settings.rate_hz is not None:
        caps.append(f"framerate={_fraction(settings.rate_hz)}")
    device = settings.source.partition(":")[2]
    return Recipe(f"v4l2src name=source ! {','.join(caps)}", {"device": device}, jpeg=settings.jpeg)


def _pattern(settings: PatternCamera) -> Recipe:
    pixels = "GRAY8" if settings.mono else "BGR"
    size = f"width={settings.width},height={settings.height},framerate={_fraction(settings.rate_hz)}"
    pattern = settings.source.partition(":")[2]
    return Recipe(f"videotestsrc is-live=true pattern={pattern} ! video/x-raw,format={pixels},{size}")


def _fraction(rate_hz: float) -> str:
    """A frame rate as GStreamer writes it; 29.97 means 30000/1001."""
    rate = Fraction(rate_hz).limit_denominator(1001)
    return f"{rate.numerator}/{rate.denominator}"
