"""From a camera's settings to its driver, and what is to be expected of it."""

from __future__ import annotations

import math

from inspectd.cameras.base import Camera
from inspectd.cameras.images import ImagesDriver
from inspectd.cameras.opencv import OpencvDriver, TargetKind, target_kind
from inspectd.settings import CameraSettings, DropPolicy, ImagesCamera

OPEN_LIMIT_S = 30.0
"""A camera that has not opened after this long hangs: longer than any driver's own limit."""


def build_camera(settings: CameraSettings, skip: int = 0) -> Camera:
    """Make the driver; it is not opened yet.

    `skip` frames were taken already, by a process that this one replaces: files go on after them, live cameras go on
    with what is before them.
    """
    if isinstance(settings, ImagesCamera):
        return ImagesDriver(settings, skip)
    return OpencvDriver(settings, skip)


def is_live(settings: CameraSettings) -> bool:
    """Whether pictures come by themselves and are gone if nobody takes them."""
    if isinstance(settings, ImagesCamera):
        return False
    return target_kind(settings.source.partition(":")[2]) is not TargetKind.FILE


def effective_drop(settings: CameraSettings) -> DropPolicy:
    """The drop policy as set, or `oldest` for a live camera and `block` for files."""
    if settings.drop is not None:
        return settings.drop
    return DropPolicy.OLDEST if is_live(settings) else DropPolicy.BLOCK


def open_limit_s(settings: CameraSettings) -> float:
    """Time after which a camera that does not open is given up, s. Decoding a folder beforehand takes what it takes."""
    preloads = isinstance(settings, ImagesCamera) and settings.preload
    return math.inf if preloads else OPEN_LIMIT_S


def stall_limit_s(settings: CameraSettings) -> float:
    """Time without a frame after which an open camera has stalled, s: `stall_s` beyond the pause between two frames."""
    return settings.stall_s + (1 / settings.rate_hz if settings.rate_hz else 0.0)
