"""The seam that cameras plug into. A driver runs inside its camera's own process; it may block, hang or crash."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.errors import CameraError
from inspectd.frames import Rows
from inspectd.outcomes import Reason


@dataclass(frozen=True)
class Picture:
    """What a driver hands over: valid until its next `read`."""

    pixels: NDArray[np.uint8]
    """H×W or H×W×3; rows may lie apart in memory."""
    pixel_format: PixelFormat
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None = None
    """A file's name, where the picture came from one."""
    rows: Rows | None = None
    """Of a line-scan camera."""


@dataclass(frozen=True)
class BadPicture:
    """A picture that was taken but cannot be inspected; it becomes an ERROR verdict, and the camera goes on."""

    detail: str
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None = None
    reason: Reason = Reason.BAD_FRAME
    """`OVERRUN` where the driver gave it up because nobody took it in time."""
    rows: Rows | None = None
    """Of a line-scan camera."""


class Camera(ABC):
    """A source of pictures. Used by one thread, but for `trigger`."""

    @abstractmethod
    def open(self) -> None:
        """Make ready to read.

        Raises:
            CameraError: it is not there or cannot be opened; the message says what to do.
        """

    @abstractmethod
    def read(self) -> Picture | BadPicture | None:
        """Wait for the next picture. None: the source has ended and will give no more.

        Raises:
            CameraError: the camera was lost.
        """

    def trigger(self) -> None:
        """Have one picture taken now; `read` then gives it. May be called by another thread while one waits in `read`.

        Raises:
            CameraError: the camera takes no software trigger, or does not answer.
        """
        raise CameraError("this camera takes no software trigger")

    def look(self) -> None:  # noqa: B027 - most drivers have nothing to look at while nobody reads
        """Called now and then while nobody waits in `read`, because no trigger is open.

        Raises:
            CameraError: the camera was lost meanwhile.
        """

    @abstractmethod
    def close(self) -> None:
        """Let the device go. May be called more than once."""
