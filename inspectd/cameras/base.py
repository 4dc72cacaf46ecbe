"""The seam that cameras plug into. A driver runs inside its camera's own process; it may block, hang or crash."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat


@dataclass(frozen=True)
class Picture:
    """What a driver hands over: valid until its next `read`."""

    pixels: NDArray[np.uint8]
    """H×W or H×W×3, rows without padding."""
    pixel_format: PixelFormat
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None = None
    """A file's name, where the picture came from one."""


@dataclass(frozen=True)
class BadPicture:
    """A picture that was taken but cannot be read; it becomes an ERROR verdict, and the camera goes on."""

    detail: str
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None = None


class Camera(ABC):
    """A source of pictures. Used by one thread."""

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

    @abstractmethod
    def close(self) -> None:
        """Let the device go. May be called more than once."""
