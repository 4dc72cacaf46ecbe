"""Everything that the page shows, as it is now. Filled by the listener, read by whoever looks at the page."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from inspectd.client import Event, Gap, JournalReplaced, Map, Picture, Silence
from inspectd.viewer import telling
from inspectd.viewer.album import Album, Name, Shown
from inspectd.viewer.condition import Signs, condition
from inspectd.viewer.rates import Rates
from inspectd.viewer.roll import Roll
from inspectd.wire.models import Change, Heartbeat, Outcome, PartVerdict, Verdict

ENTRIES: Final = 600
"""Verdicts kept."""
CHANGES: Final = 20
"""Changes kept."""
MOST_CAMERAS: Final = 64


class Entry(NamedTuple):
    """A verdict, in the order in which they came here."""

    at: int
    """Counts up by one for everything that came."""
    verdict: Verdict | PartVerdict


@dataclass
class CameraScene:
    """Of one camera."""

    rates: Rates = field(default_factory=Rates)
    album: Album = field(default_factory=Album)
    roll: Roll = field(default_factory=Roll)
    heard_s: float | None = None
    """When its last verdict came, as it was given; None where neither one nor a picture did since the viewer began."""
    spots_at: int = 0
    """What had come when the defects on the roll changed last."""


class Scene:
    """Bounded, whatever comes. Any thread may call anything."""

    def __init__(self, address: str) -> None:
        """`address` is that of the daemon's verdicts."""
        self._address = address
        self._lock = threading.Lock()
        self._at = self._begun_at = 1
        self._entries: deque[Entry] = deque(maxlen=ENTRIES)
        self._by_number: dict[int, Entry] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES)
        self._changed_at = 0
        self._cameras: dict[str, CameraScene] = {}
        self._beat: Heartbeat | None = None
        self._beat_told: dict[str, Any] | None = None
        self._statuses_told: dict[str, dict[str, Any]] = {}
        self._heard_s: float | None = None
        self._problem: str | None = None
        self._error: Verdict | PartVerdict | None = None
        self._error_s = 0.0
        self._missing = 0

    # What comes

    def take(self, event: Event) -> None:
        """Take note of what the client tells."""
        with self._lock:
            if not isinstance(event, Silence):  # where nobody lets us in, it is silent too
                self._problem = None
            match event:
                case Verdict() | PartVerdict():
                    self._heard()
                    self._add(event, live=True)
                case Change():
                    self._heard()
                    self._change(event)
                case Heartbeat():
                    self._heard()
                    self._hear_beat(event)
                case Map():
                    self._camera(event.header.camera).album.add_map(event)
                case Picture():
                    self._add_picture(event)
                case Gap(first=first, last=last):
                    self._missing += last - first + 1
                case JournalReplaced():
                    self._forget()

    def remember(self, messages: list[Verdict | PartVerdict | Change]) -> None:
        """What was published before anybody listened, in order; before anything is taken."""
        with self._lock:
            for message in messages:
                if isinstance(message, Change):
                    self._change(message)
                else:
                    self._add(message, live=False)

    def cannot_listen(self, problem: str) -> None:
        """What came cannot be read, or nothing comes because nobody lets us in."""
        with self._lock:
            self._problem = problem

    def _hear_beat(self, beat: Heartbeat) -> None:
        self._beat = beat
        self._beat_told = beat.model_dump(mode="json", include=_OF_HEARTBEAT)
        self._statuses_told = {camera.camera: camera.model_dump(mode="json") for camera in beat.cameras}

    def _heard(self) -> None:
        self._heard_s = time.monotonic()

    def _add(self, verdict: Verdict | PartVerdict, *, live: bool) -> None:
        self._at += 1
        if len(self._entries) == ENTRIES:
            self._by_number.pop(self._entries[0].verdict.sequence, None)
        entry = Entry(self._at, verdict)
        self._entries.append(entry)
        self._by_number[verdict.sequence] = entry
        if live and verdict.outcome is Outcome.ERROR:
            self._error, self._error_s = verdict, time.monotonic()
        if isinstance(verdict, Verdict):
            camera = self._camera(verdict.camera)
            if camera.roll.add(verdict):
                camera.spots_at = self._at
            if live:
                camera.heard_s = time.monotonic()
                camera.rates.count(verdict.outcome, camera.heard_s)

    def _add_picture(self, picture: Picture) -> None:
        camera = self._camera(picture.header.camera)
        camera.album.add_picture(picture)
        if camera.heard_s is None:  # of a verdict that was given just before the viewer began
            camera.heard_s = time.monotonic()

    def _change(self, change: Change) -> None:
        self._at += 1
        self._changed_at = self._at
        self._changes.append(change)

    def _camera(self, name: str) -> CameraScene:
        if name not in self._cameras and len(self._cameras) >= MOST_CAMERAS:
            self._cameras.pop(next(iter(self._cameras)))
        return self._cameras.setdefault(name, CameraScene())

    def _forget(self) -> None:
        """Numbers began anew: what was known by its number is no longer, here and on every page."""
        self._at += 1
        self._begun_at = self._at
        self._entries.clear()
        self._by_number.clear()
        self._changes.clear()
        self._cameras.clear()
        self._missing = 0

    # What is told

    def since(self, at: int) -> dict[str, Any]:
        """Everything as it is now, with the verdicts that came after `at`; 0 for all that are kept. It is `whole` where
        these are all that are kept, and nothing that was told before holds any longer."""
        with self._lock:
            whole = at < self._begun_at
            entries = [entry for entry in self._entries if entry.at > at]
            document: dict[str, Any] = {
                "at": self._at,
                "whole": whole,
                "line": self._line(),
                "cameras": [self._camera_told(name, 0 if whole else at) for name in self._names()],
                "verdicts": [{"at": entry.at, **telling.told(entry.verdict)} for entry in entries],
            }
            if self._changed_at > at or whole:
                document["changes"] = [telling.told(change) for change in self._changes]
            return document

    def verdict(self, number: int) -> dict[str, Any] | None:
        """The verdict with that number, where it is kept."""
        with self._lock:
            entry = self._by_number.get(number)
            return None if entry is None else telling.told(entry.verdict)

    def shown(self, camera: str, name: Name) -> Shown | None:
        """The picture of a verdict, where it is kept."""
        with self._lock:
            known = self._cameras.get(camera)
            return None if known is None else known.album.shown(name)

    def _line(self) -> dict[str, Any]:
        now_s = time.monotonic()
        silent_s = None if self._heard_s is None else now_s - self._heard_s
        signs = Signs(self._address, silent_s, self._problem, self._beat, self._error, now_s - self._error_s)
        return {
            "condition": asdict(condition(signs)),
            "silent_s": None if silent_s is None else round(silent_s, 1),
            "missing": self._missing,
            "beat": self._beat_told,
        }

    def _names(self) -> list[str]:
        """In the daemon's order; those that it has no more come last."""
        told = self._statuses_told
        return [*told, *(name for name in self._cameras if name not in told)]

    def _camera_told(self, name: str, at: int) -> dict[str, Any]:
        status = self._statuses_told.get(name, {"camera": name})
        known = self._cameras.get(name)
        if known is None:
            return status
        now_s = time.monotonic()
        status = status | {
            "quiet_s": None if known.heard_s is None else round(now_s - known.heard_s, 1),
            "rate": asdict(known.rates.rate(now_s)),
            "shown": next(self._pictures_told(known.album, known.album.newest()), None),
            "kept": list(self._pictures_told(known.album, known.album.remarkable())),
            "roll": known.roll.told(),
        }
        return status | {"spots": known.roll.spots()} if known.spots_at > at or at == 0 else status

    def _pictures_told(self, album: Album, names: Iterable[Name]) -> Iterator[dict[str, Any]]:
        """Those whose verdicts are known: on the way here, either may overtake the other."""
        for name in names:
            shown, entry = album.shown(name), self._by_number.get(name.sequence)
            if shown is not None and entry is not None and entry.verdict.boot == name.boot:
                yield {"sequence": name.sequence, "heat": shown.has_heat}


_OF_HEARTBEAT: Final = {
    "publisher",
    "boot",
    "sequence",
    "beat",
    "state",
    "surface",
    "bundle",
    "threshold",
    "passed",
    "failed",
    "errors",
    "open_frames",
}
