"""The newest pictures and maps of a camera, each with its verdict: some of all frames, and longer those of defects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from calib.heatmap import THRESHOLD_LEVEL, levels
from inspectd.client import Map, Picture
from inspectd.wire.models import MapHeader, Outcome, PictureHeader, Verdict

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


def _colours() -> NDArray[np.uint8]:
    """What each level is drawn with: 256×4 BGRA, clear up to `QUIET`."""
    every = np.arange(256, dtype=np.uint8)
    opacity = np.clip(every.astype(np.float32) / THRESHOLD_LEVEL - QUIET, 0, OPAQUE)
    coloured = cv2.applyColorMap(every[:, None], cv2.COLORMAP_INFERNO)[:, 0]
    coloured[opacity == 0] = 0  # one colour for all that is clear is packed fastest
    return np.column_stack([coloured, np.rint(255 * opacity).astype(np.uint8)])


COLOURS: Final = _colours()


class Name(NamedTuple):
    """Of a verdict, its picture and its map, for ever: a number comes again where the journal was replaced, or an older
    copy of it was put back, but not as long as the daemon lives."""

    boot: str
    sequence: int

    @classmethod
    def of(cls, said: Verdict | PictureHeader | MapHeader) -> Name:
        """That of what was said."""
        return cls(said.boot, said.sequence)


class Heat:
    """A map as grey levels, as `calib.heatmap.levels` has them; worked out once, however many look."""

    def __init__(self, distance_map: Map) -> None:
        self._levels = levels(distance_map.distance, distance_map.header.threshold)

    @cached_property
    def is_clear(self) -> bool:
        """Whether it is quiet all over, so that nothing is to be drawn."""
        return not COLOURS[self._levels.max(initial=0), 3]

    @cached_property
    def png(self) -> bytes:
        """To be laid over the picture, a pixel a cell: clear where it is quiet, deep colours from the threshold on."""
        return cv2.imencode(".png", COLOURS[self._levels])[1].tobytes()


@dataclass
class Shown:
    """A picture, and its map where that has come."""

    picture: Picture
    heat: Heat | None = None

    @property
    def has_heat(self) -> bool:
        """Whether there is something to lay over it."""
        return self.heat is not None and not self.heat.is_clear


class Album:
    """Of one camera, by the verdicts' names."""

    def __init__(self) -> None:
        self._recent: OrderedDict[Name, Shown] = OrderedDict()
        self._remarkable: OrderedDict[Name, Shown] = OrderedDict()
        self._ahead: OrderedDict[Name, Map] = OrderedDict()

    def add_picture(self, picture: Picture) -> None:
        """Keep a picture."""
        name = Name.of(picture.header)
        ahead = self._ahead.pop(name, None)
        shown = Shown(picture, None if ahead is None else Heat(ahead))
        _keep(self._recent, name, shown, RECENT)
        if picture.header.outcome is not Outcome.PASS:
            _keep(self._remarkable, name, shown, REMARKABLE)

    def add_map(self, distance_map: Map) -> None:
        """Keep a map, at least for a while. Most never get a picture: only those that do are worked on."""
        name = Name.of(distance_map.header)
        shown = self.shown(name)
        if shown is None:
            _keep(self._ahead, name, distance_map, MAPS_AHEAD)
        else:
            shown.heat = Heat(distance_map)

    def shown(self, name: Name) -> Shown | None:
        """What is kept of a verdict."""
        return self._recent.get(name) or self._remarkable.get(name)

    def newest(self) -> list[Name]:
        """The names of the pictures kept of all frames, the newest first."""
        return list(reversed(self._recent))

    def remarkable(self) -> list[Name]:
        """The names of those that did not pass, the newest first."""
        return list(reversed(self._remarkable))


def _keep(shelf: OrderedDict[Name, _Kept], name: Name, kept: _Kept, most: int) -> None:
    shelf[name] = kept
    while len(shelf) > most:
        shelf.popitem(last=False)
