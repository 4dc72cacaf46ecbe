"""Onlookers: whoever wants to see what was said of a frame, with its picture and its map.

The archive, previews for people, a candidate model and the watch for drift look on here. None of them may hold
inspection up: they are told after the verdict is durable and sent, and must return at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from inspectd.frames import Frame
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Verdict


@dataclass(frozen=True)
class Seen:
    """A verdict on a frame, and what it was given on."""

    verdict: Verdict
    """As it was journaled and published."""
    frame: Frame | None
    """Its pixels may be read during the call, and longer by whoever calls `retain`. None where no frame came, where no
    onlooker wanted pictures when it did, or where too many verdicts wait to be published."""
    distance_map: MapDraft | None
    """The map that was judged; None on an ERROR."""


class Onlooker(Protocol):
    """Looks on."""

    @property
    def wants_pictures(self) -> bool:
        """Whether frames that are taken now should keep their pixels until it is shown them; any thread asks."""

    def saw(self, seen: Seen) -> None:
        """Take note, and return in well under a millisecond: what takes longer is for a thread of its own, behind a
        queue that drops what it has no room for. Called by the publisher's thread, in order."""
