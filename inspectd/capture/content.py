"""What a camera shows when it works no longer: the same picture again and again, or nothing at all.

A sensor's noise makes two pictures of the same scene differ; so one that equals the one before to the last bit was not
taken anew. Every eighth row is enough to tell.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inspectd.cameras.base import Picture
from inspectd.outcomes import Reason

_STRIDE: Final = 8
_DARK: Final = 3
_BRIGHT: Final = 252
"""Of 255. A sensor's black level and saturation lie a little inside the range."""
_WHOLLY: Final = 0.999
"""Share of the pixels; a few hot ones do not make a picture."""


@dataclass(frozen=True)
class Fault:
    """Why a picture cannot be relied on."""

    reason: Reason
    detail: str


class ContentCheck:
    """Looks at one camera's pictures, in order."""

    def __init__(self, *, blank: bool, frozen: bool) -> None:
        """Which of the two to look for."""
        self._blank = blank
        self._frozen = frozen
        self._digest: tuple[tuple[int, ...], int] | None = None
        self._frozen_since_ns: int | None = None

    def fault(self, picture: Picture) -> Fault | None:
        """What is wrong with a picture, if anything."""
        frozen = self._freezing(picture) if self._frozen else None
        return frozen or (self._blankness(picture) if self._blank else None)

    def frozen_s(self, picture: Picture) -> float:
        """How long the camera has shown nothing but this picture, s."""
        if self._frozen_since_ns is None:
            return 0.0
        return (picture.captured_monotonic_ns - self._frozen_since_ns) / 1e9

    def _freezing(self, picture: Picture) -> Fault | None:
        digest = picture.pixels.shape, zlib.crc32(picture.pixels[::_STRIDE].tobytes())
        same, self._digest = digest == self._digest, digest
        if not same:
            self._frozen_since_ns = None
            return None
        if self._frozen_since_ns is None:
            self._frozen_since_ns = picture.captured_monotonic_ns
        return Fault(
            Reason.FROZEN,
            "the same picture as before, to the last bit: the camera or its driver repeats itself; set frozen = false "
            "where it does so by design",
        )

    def _blankness(self, picture: Picture) -> Fault | None:
        sample = picture.pixels[::_STRIDE, ::_STRIDE]
        if not _may_be_blank(sample[::_STRIDE]):
            return None
        if _share(sample <= _DARK) >= _WHOLLY:
            return Fault(Reason.BLANK, "wholly black: check the light, the lens cap and the exposure")
        if _share(sample >= _BRIGHT) >= _WHOLLY:
            return Fault(Reason.BLANK, "wholly saturated: check the light, the exposure and the gain")
        return None


def _may_be_blank(part: NDArray[np.uint8]) -> bool:
    """Whether the whole can be blank of which this is every eighth row: a quick look that spares most pictures the
    other."""
    enough = 1 - _STRIDE * (1 - _WHOLLY)
    return _share(part <= _DARK) >= enough or _share(part >= _BRIGHT) >= enough


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(chosen)) / chosen.size
