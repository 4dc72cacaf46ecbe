"""What a client tells: verdicts, heartbeats and maps as they were sent, and what it found out by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inspectd.wire.models import Heartbeat, MapHeader, Numbered, PictureHeader


@dataclass(frozen=True)
class Gap:
    """Verdicts that were published but did not come, and could not be replayed. A patient client tells it only of those
    that nobody can have any more."""

    first: int
    """Number of the first one missing."""
    last: int
    """Number of the last one missing."""
    detail: str
    """Why they could not be had, in words."""


@dataclass(frozen=True)
class Repairing:
    """Verdicts are missing, and a patient client asks for them again and again: it tells nothing newer, and no silence,
    until they are there or gone for good."""

    first: int
    """Number of the first one missing."""
    last: int
    """Number of the last one known to be missing."""
    detail: str
    """Why they could not be had at once, in words."""


@dataclass(frozen=True)
class Repaired:
    """What a patient client was asking for has been told, as verdicts or as gaps."""


@dataclass(frozen=True)
class Silence:
    """Nothing was heard, not even a heartbeat: take it that nothing is being inspected. Told again each time it has
    doubled."""

    seconds: float
    """How long it has lasted."""


@dataclass(frozen=True)
class Restart:
    """Another life of the daemon speaks."""

    boot: str
    """Its name."""


@dataclass(frozen=True)
class JournalReplaced:
    """The daemon counts in another journal: the old one was lost, or an older state of it was put back.

    Numbers from here on are those of the new journal, from its first; what was not seen of the old one is gone.
    """

    journal: str
    """Name of the journal that counts now."""
    expected: int
    """The number that was to come next."""
    found: int
    """The newest number heard of."""


@dataclass(frozen=True)
class Map:
    """The map of a frame; `header.sequence` is its verdict's. It comes on a socket of its own, so before or after the
    verdict."""

    header: MapHeader
    distance: NDArray[np.float32] = field(repr=False)
    """rows×columns."""


@dataclass(frozen=True)
class Picture:
    """A frame, made small; `header.sequence` is its verdict's. Like a map it comes before or after that, and not of
    every frame."""

    header: PictureHeader
    jpeg: bytes = field(repr=False)
    """A file."""


Event = Numbered | Heartbeat | Map | Picture | Gap | Repairing | Repaired | Silence | Restart | JournalReplaced
