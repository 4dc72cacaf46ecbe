"""A frame as it travels through the daemon: the pixels stay where the camera's process put them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.outcomes import Reason


@dataclass(frozen=True)
class Rows:
    """Which rows of a line-scan camera a frame holds. Within a run none is missing; what lies between runs is lost."""

    run_ns: int
    """Names the run: CLOCK_MONOTONIC when it began."""
    first: int
    """Number of the frame's first row, counted from 0 in each run."""
    repeated: int
    """So many of its rows the frame before holds as well."""


class Loan:
    """A buffer that was lent. It goes back when all who hold it have let it go; whoever gets it first holds it."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        """`give_back` is called once, by the thread that lets go last."""
        self._give_back = give_back
        self._lock = threading.Lock()
        self._holders = 1

    def retain(self) -> None:
        """Hold it too; for whoever got it from somebody that holds it."""
        with self._lock:
            assert self._holders > 0, "the buffer has gone back already"
            self._holders += 1

    def release(self) -> None:
        """Let it go; each holder once."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._give_back()


@dataclass(frozen=True)
class Frame:
    """A picture taken. Whoever gets it holds its buffer until `release`; the pixels must not be touched after that."""

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
    loan: Loan
    """Of the buffer, which is the camera's."""
    part: str | None = None
    """The part it was fired for, by a camera that is triggered by the daemon."""
    rows: Rows | None = None
    """Of a line-scan camera."""

    def retain(self) -> None:
        """Hold the buffer until one more `release`."""
        self.loan.retain()

    def release(self) -> None:
        """Let the buffer go."""
        self.loan.release()


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
    shown: Frame | None = None
    """What the camera showed, where that is known, for people to see; it is never judged. Whoever gets this holds its
    buffer."""
