"""A frame as it travels through the daemon: the pixels stay where the camera's process put them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.wire.models import Reason


@dataclass(frozen=True)
class Rows:
    """Which rows of a line-scan camera a frame holds. Within a run none is missing; what lies between runs is lost."""

    run_ns: int
    """Names the run: CLOCK_MONOTONIC when it began."""
    first: int
    """Number of the frame's first row, counted from 0 in each run."""
    repeated: int
    """So many of its rows the frame before holds as well."""


@dataclass(frozen=True)
class Frame:
    """A picture taken. `release` gives its buffer back; the pixels must not be touched after that."""

    camera: str
    number: int
    """Counted by the camera from 1 in each boot of the daemon, over restarts of the camera's process."""
    pixels: NDArray[np.uint8]
    """H×W or H×W×3, a view into shared memory, read-only."""
    pixel_format: PixelFormat
    captured_monotonic_ns: int
    """CLOCK_MONOTONIC when the camera delivered it."""
    captured_utc_ns: int
    """The wall clock at the same moment, ns since 1970."""
    source: str | None
    """A file's name, where the frame came from one."""
    release: Callable[[], None]
    """Gives the buffer back to the camera; calling it again does nothing."""
    part: str | None = None
    """The part it was fired for, by a camera that is triggered by the daemon."""
    rows: Rows | None = None
    """Of a line-scan camera."""


@dataclass(frozen=True)
class LostFrame:
    """A frame that was taken but cannot be inspected: it still gets its verdict, ERROR."""

    camera: str
    number: int
    reason: Reason
    detail: str
    captured_monotonic_ns: int
    captured_utc_ns: int
    source: str | None
    part: str | None = None
    """As of `Frame`."""
    rows: Rows | None = None
    """As of `Frame`."""
