"""The newest pictures and maps of a camera, each with its verdict: some of all frames, and longer those of defects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import THRESHOLD_LEVEL, levels
from inspectd.client import Map, Picture
from inspectd.wire.models import Outcome

_Kept = TypeVar("_Kept")

RECENT: Final = 12
"""Pictures kept of a camera, whatever was said of them."""
REMARKABLE: Final = 24
"""Pictures kept besides, of frames that did not pass."""
MAPS_AHEAD: Final = 16
"""Maps kept whose pictures may still come: a picture is made in the time of a few frames."""
OPAQUE: Final = 0.65
"""The most that a map covers of the picture below."""
QUIET: Final = 0.6
"""Below this share of the threshold it covers nothing."""


@dataclass(frozen=True)
class Heat:
    """A map as grey levels, as `calib.heatmap.levels` has them."""

    levels: NDArray[np.uint8]
    """rows×columns."""
    cell: int
    """px of the frame."""

    def png(self) -> bytes:
        """To be laid over the picture, a pixel a cell: clear where it is quiet, deep colours from the threshold on."""
        coloured = cv2.applyColorMap(self.levels, cv2.COLORMAP_INFERNO)
        opacity = np.clip(self.levels.astype(np.float32) / THRESHOLD_LEVEL - QUIET, 0, OPAQUE)
        with_opacity = np.dstack([coloured, np.rint(255 * opacity).astype(np.uint8)])
        return cv2.imencode(".png", with_opacity)[1].tobytes()


@dataclass
class Shown:
    """A picture, and its map where that has come."""

    picture: Picture
    heat: Heat | None = None


class Album:
    """Of one camera, by the verdicts' numbers."""

    def __init__(self) -> None:
        self._recent: OrderedDict[int, Shown] = OrderedDict()
        self._remarkable: OrderedDict[int, Shown] = OrderedDict()
        self._ahead: OrderedDict[int, Heat] = OrderedDict()

    def add_picture(self, picture: Picture) -> None:
        """Keep a picture."""
        number = picture.header.sequence
        shown = Shown(picture, self._ahead.pop(number, None))
        _keep(self._recent, number, shown, RECENT)
        if picture.header.outcome is not Outcome.PASS:
            _keep(self._remarkable, number, shown, REMARKABLE)

    def add_map(self, distance_map: Map) -> None:
        """Keep a map, at least for a while."""
        header = distance_map.header
        heat = Heat(levels(distance_map.distance, header.threshold), header.cell)
        shown = self.shown(header.sequence)
        if shown is None:
            _keep(self._ahead, header.sequence, heat, MAPS_AHEAD)
        else:
            shown.heat = heat

    def shown(self, number: int) -> Shown | None:
        """What is kept of verdict `number`."""
        return self._recent.get(number) or self._remarkable.get(number)

    def newest(self) -> list[int]:
        """The numbers of the pictures kept of all frames, the newest first."""
        return list(reversed(self._recent))

    def remarkable(self) -> list[int]:
        """The numbers of those that did not pass, the newest first."""
        return list(reversed(self._remarkable))


def _keep(shelf: OrderedDict[int, _Kept], number: int, kept: _Kept, most: int) -> None:
    shelf[number] = kept
    while len(shelf) > most:
        shelf.popitem(last=False)
