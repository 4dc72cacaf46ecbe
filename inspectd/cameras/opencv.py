"""Cameras, video files and network streams through OpenCV: V4L2 for devices, FFmpeg for everything else.

FFmpeg conceals errors within a video and passes over packets that it cannot decode; what OpenCV then hands over cannot
be told from a good picture. Where every frame must count, record pictures instead, or use a camera driver that counts.
"""

from __future__ import annotations

import re
import time
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.errors import CameraError
from inspectd.settings import OpencvCamera

OPEN_TIMEOUT_MS = 10_000
"""A stream that has not answered for this long is not there."""
_DEVICE = re.compile(r"/dev/video([0-9]+)")
_CREDENTIALS = re.compile(r"//[^/@]*@")
# An index promises a number of frames; some containers only estimate it.
_COUNT_TOLERANCE = 0.02


class TargetKind(StrEnum):
    """What the source names."""

    DEVICE = "device"
    FILE = "file"
    STREAM = "stream"


def target_kind(target: str) -> TargetKind:
    """What the part of the source after `opencv:` names."""
    if target.isdecimal() or target.startswith("/dev/"):
        return TargetKind.DEVICE
    return TargetKind.STREAM if "://" in target else TargetKind.FILE


class OpencvDriver(Camera):
    """Reads through `cv2.VideoCapture`. Colour comes as BGR8, as OpenCV delivers it."""

    def __init__(self, settings: OpencvCamera, skip: int = 0) -> None:
        """`skip` frames of a file were taken already, by a process that this one replaces: goes on after them."""
        self._settings = settings
        self._target = settings.source.partition(":")[2]
        self._kind = target_kind(self._target)
        self._skip = skip if self._kind is TargetKind.FILE else 0
        self._name = f"opencv:{_CREDENTIALS.sub('//', self._target)}"
        self._capture: cv2.VideoCapture | None = None
        self._position = 0
        self._ended = False

    def open(self) -> None:
        """See `Camera.open`."""
        self._capture = self._connect()
        if self._skip:
            self._seek(self._skip)

    def read(self) -> Picture | BadPicture | None:
        """See `Camera.read`."""
        while not self._ended:
            pixels = self._next()
            if pixels is not None:
                return self._picture(pixels)
            if self._kind is not TargetKind.FILE:
                raise CameraError(f"{self._name}: no more frames come; check the camera, its cable and its network")
            missing = self._end_of_file()
            if missing is not None:
                return missing
        return None

    def close(self) -> None:
        """See `Camera.close`."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _connect(self) -> cv2.VideoCapture:
        match self._kind:
            case TargetKind.DEVICE:
                capture = self._open_device()
            case TargetKind.FILE:
                capture = self._open_file()
            case TargetKind.STREAM:
                capture = self._open_stream()
        return capture

    def _open_device(self) -> cv2.VideoCapture:
        path = Path(f"/dev/video{self._target}" if self._target.isdecimal() else self._target)
        if not path.exists():
            present = ", ".join(sorted(str(device) for device in Path("/dev").glob("video*"))) or "none"
            raise CameraError(f"{self._name}: no such device; connect it or set 'source'. Devices here: {present}")
        # By-id links lead to the numbered device, which is what OpenCV opens.
        number = _DEVICE.fullmatch(str(path.resolve()))
        capture = cv2.VideoCapture(int(number[1]), cv2.CAP_V4L2) if number else cv2.VideoCapture(str(path))
        if not capture.isOpened():
            raise CameraError(
                f"{self._name}: is there but cannot be opened as a camera; another program may hold it, "
                "or this user may not (group 'video')"
            )
        self._ask_for_format(capture)
        return capture

    def _ask_for_format(self, capture: cv2.VideoCapture) -> None:
        """A device takes the nearest it can; each frame carries the size that really came."""
        wanted = (
            (cv2.CAP_PROP_FRAME_WIDTH, self._settings.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height),
            (cv2.CAP_PROP_FPS, self._settings.rate_hz),
        )
        for prop, value in wanted:
            if value is not None:
                capture.set(prop, value)

    def _open_file(self) -> cv2.VideoCapture:
        if not Path(self._target).is_file():
            raise CameraError(
                f"{self._name}: no such file; set 'source' to a video file, a device as in 'opencv:/dev/video0', "
                "or a URL as in 'opencv:rtsp://host/path'"
            )
        # One decoding thread: capture must not take the engine's cores, and frame threads delay frames.
        capture = cv2.VideoCapture(self._target, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            raise CameraError(f"{self._name}: not a video that FFmpeg can read; for pictures use 'images:'")
        return capture

    def _open_stream(self) -> cv2.VideoCapture:
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, max(1, round(self._settings.stall_s * 1000))),
            *(cv2.CAP_PROP_N_THREADS, 1),
        ]
        capture = cv2.VideoCapture(self._target, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise CameraError(f"{self._name}: cannot be reached; check the address, the login and the network")
        return capture

    def _next(self) -> NDArray[np.uint8] | None:
        if self._capture is None:
            raise CameraError(f"{self._name}: is not open")
        taken, pixels = self._capture.read()
        if not taken:
            return None
        if pixels.dtype != np.uint8 or (pixels.ndim == 3 and pixels.shape[2] != 3):
            raise CameraError(f"{self._name}: delivers {pixels.dtype} {pixels.shape}; set it to 8-bit grey or colour")
        self._position += 1
        return pixels.astype(np.uint8, copy=False)

    def _picture(self, pixels: NDArray[np.uint8]) -> Picture:
        pixel_format = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.BGR8
        return Picture(pixels, pixel_format, time.monotonic_ns(), time.time_ns())

    def _end_of_file(self) -> BadPicture | None:
        """Begin again or end; tells once in each pass where the file ended before its own count."""
        position, promised = self._position, self._promised()
        if position == 0:
            raise CameraError(f"{self._name}: no frame of it can be decoded; convert it or set 'source' to another")
        if self._settings.loop:
            self._rewind()
        else:
            self._ended = True
        if position >= promised * (1 - _COUNT_TOLERANCE) - 1:
            return None
        detail = f"{self._name}: ends after {position} of {promised} frames; the file is truncated or damaged"
        return BadPicture(detail, time.monotonic_ns(), time.time_ns())

    def _promised(self) -> int:
        return 0 if self._capture is None else int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def _rewind(self) -> None:
        """Opens anew, which every container bears; seeking to the start does not always work."""
        self.close()
        self._capture = self._connect()
        self._position = 0

    def _seek(self, taken: int) -> None:
        assert self._capture is not None
        promised = self._promised()
        self._position = taken % promised if self._settings.loop and promised > 0 else taken
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, self._position)
