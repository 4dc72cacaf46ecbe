"""How the line is, in one line for people: the worst of what is to be said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inspectd.wire.models import CameraState, DaemonState, DriftLevel, Heartbeat, PartVerdict, Verdict

SILENT_S: Final = 2.5
"""After so long without a word nothing is being inspected: two heartbeats did not come."""
ERROR_S: Final = 10.0
"""So long an ERROR is told."""
_WELL: Final = frozenset({CameraState.RUNNING, CameraState.ENDED})


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ALARM = "alarm"
    """Nothing is being inspected, or what is said cannot be relied on."""


@dataclass(frozen=True)
class Condition:
    """What is to be said."""

    level: Level
    headline: str
    detail: str


@dataclass(frozen=True)
class Signs:
    """What it is told from."""

    address: str
    """Of the daemon's verdicts."""
    silent_s: float | None
    """Since anything was heard; None where nothing ever was."""
    problem: str | None
    """Why it cannot be listened to."""
    beat: Heartbeat | None
    error: Verdict | PartVerdict | None
    """The last ERROR."""
    error_s: float
    """Its age."""


def condition(signs: Signs) -> Condition:
    """The worst."""
    return next(_findings(signs))


def _findings(signs: Signs) -> Iterator[Condition]:
    if signs.problem is not None:
        yield Condition(Level.ALARM, "Cannot listen", signs.problem)
    if signs.silent_s is None or signs.beat is None:
        yield Condition(
            Level.ALARM,
            "Nothing heard yet",
            f"No daemon speaks at {signs.address}: is it running?",
        )
        return
    if signs.silent_s > SILENT_S:
        detail = "Nothing is being inspected, or nothing reaches this page. Take every part for bad."
        yield Condition(Level.ALARM, "Nothing heard", detail)
    yield from _of_daemon(signs.beat)
    if signs.error is not None and signs.error_s <= ERROR_S:
        yield Condition(Level.ALARM, f"ERROR {signs.error.reason}", _place(signs.error))
    for camera in signs.beat.cameras:
        if camera.state not in _WELL:
            headline = f"Camera {camera.camera}: {camera.state.replace('_', ' ')}"
            yield Condition(Level.WARNING, headline, camera.detail or "It delivers no frames.")
    for camera in signs.beat.cameras:
        if camera.drift is not None and camera.drift.level is DriftLevel.WARNING:
            yield Condition(Level.WARNING, f"Camera {camera.camera} drifts", camera.drift.detail or "")
    yield Condition(Level.OK, "Inspecting", "")


def _of_daemon(beat: Heartbeat) -> Iterator[Condition]:
    match beat.state:
        case DaemonState.STOPPED:
            yield Condition(Level.ALARM, "Stopped", "The daemon has ended. Nothing is being inspected.")
        case DaemonState.JOURNAL_FAILING:
            detail = "It cannot be written, so verdicts are held back. Is the disk full, or broken?"
            yield Condition(Level.ALARM, "Journal failing", detail)
        case DaemonState.DRAINING:
            detail = f"{beat.open_frames} frames still get their verdicts; no new ones are taken."
            yield Condition(Level.WARNING, "Draining", detail)
        case DaemonState.STARTING:
            yield Condition(Level.WARNING, "Starting", "The engine is being loaded and checked.")


def _place(error: Verdict | PartVerdict) -> str:
    where = f"Part {error.part}" if isinstance(error, PartVerdict) else f"Camera {error.camera}"
    return f"{where}: {error.detail}" if error.detail else where
