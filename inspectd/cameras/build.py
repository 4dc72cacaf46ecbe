"""From a camera's settings to its driver, and what is to be expected of it."""

from __future__ import annotations

import math

from inspectd.cameras.aravis.driver import AravisDriver
from inspectd.cameras.base import Camera
from inspectd.cameras.gst.driver import GstDriver
from inspectd.cameras.images import ImagesDriver
from inspectd.cameras.line_scan import LineScanDriver
from inspectd.cameras.opencv import OpencvDriver, TargetKind, target_kind
from inspectd.settings import (
    AravisCamera,
    CameraSettings,
    DropPolicy,
    GstCamera,
    ImagesCamera,
    OpencvCamera,
    TriggerMode,
    V4l2Camera,
)

OPEN_LIMIT_S = 30.0
"""A camera that has not opened after this long hangs: longer than any driver's own limit."""


def build_camera(settings: CameraSettings, skip: int = 0) -> Camera:
    """Make the driver; it is not opened yet.

    `skip` frames were taken already, by a process that this one replaces: files go on after them, live cameras go on
    with what is before them.
    """
    if settings.line_scan is not None:
        blocks = _build_driver(settings, 0)
        taken = 0 if is_live(settings) else skip
        return LineScanDriver(blocks, settings.line_scan.rows, settings.line_scan.overlap, taken)
    return _build_driver(settings, skip)


def _build_driver(settings: CameraSettings, skip: int) -> Camera:
    if isinstance(settings, ImagesCamera):
        return ImagesDriver(settings, skip)
    if isinstance(settings, AravisCamera):
        return AravisDriver(settings)
    if isinstance(settings, OpencvCamera):
        return OpencvDriver(settings, skip)
    return GstDriver(settings, block=effective_drop(settings) is DropPolicy.BLOCK, skip=skip)


def is_live(settings: CameraSettings) -> bool:
    """Whether pictures come by themselves and are gone if nobody takes them."""
    if isinstance(settings, ImagesCamera):
        return False
    if isinstance(settings, GstCamera):
        return settings.live
    if isinstance(settings, OpencvCamera):
        return target_kind(settings.source.partition(":")[2]) is not TargetKind.FILE
    return True


def effective_drop(settings: CameraSettings) -> DropPolicy:
    """The drop policy as set, or `oldest` for a live camera and `block` for files."""
    if settings.drop is not None:
        return settings.drop
    return DropPolicy.OLDEST if is_live(settings) else DropPolicy.BLOCK


def open_limit_s(settings: CameraSettings) -> float:
    """Time after which a camera that does not open is given up, s.

    Decoding a folder beforehand takes what it takes, and so does going through a recording to where it was left.
    """
    if isinstance(settings, ImagesCamera) and settings.preload:
        return math.inf
    if isinstance(settings, GstCamera) and not settings.live:
        return math.inf
    if isinstance(settings, AravisCamera) and settings.trigger is TriggerMode.OFF:
        return OPEN_LIMIT_S + settings.settle_frames * stall_limit_s(settings)
    return OPEN_LIMIT_S


def stall_limit_s(settings: CameraSettings) -> float:
    """Time without a frame after which an open camera has stalled, s: `stall_s` beyond the pause between two frames.

    A hardware trigger may come when it likes; the driver notices a loss of the camera by itself.
    """
    if trigger_mode(settings) is TriggerMode.HARDWARE:
        return math.inf
    rate_hz: float | None = getattr(settings, "rate_hz", None)
    return settings.stall_s + (1 / rate_hz if rate_hz else 0.0)


def may_freeze(settings: CameraSettings) -> bool:
    """Whether two equal pictures in a row mean that the camera is frozen."""
    if settings.frozen is not None:
        return settings.frozen
    if isinstance(settings, OpencvCamera):
        return target_kind(settings.source.partition(":")[2]) is TargetKind.DEVICE
    return isinstance(settings, AravisCamera) or (isinstance(settings, V4l2Camera) and not settings.jpeg)


def trigger_mode(settings: CameraSettings) -> TriggerMode:
    """What makes it take a frame; kinds of cameras that know no trigger run freely."""
    return getattr(settings, "trigger", TriggerMode.OFF)
