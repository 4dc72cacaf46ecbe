"""The verdicts of one roll, out of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from inspectd.client.messages import parsed_numbered
from inspectd.journal import JournalReader
from inspectd.wire.models import Verdict
from tools.errors import RollError


def read_roll(journal: Path, first: int | None, last: int | None, camera: str | None) -> list[Verdict]:
    """The verdicts on a web from number `first` to `last`, of one camera or of all.

    Without `first`, each camera's from where its position along the web began anew for the last time.

    Raises:
        JournalError: the journal cannot be read.
        RollError: there are none, or they are of several rolls.
    """
    with JournalReader(journal) as reader:
        bounds = reader.bounds()
        messages = reader.read(first or bounds.first, last or bounds.last, bounds.last)
        verdicts = list(_on_web(messages, camera))
    if not any(verdict.along_mm is not None for verdict in verdicts):
        raise RollError(_nothing(journal, bounds.first, bounds.last, camera))
    by_camera = _by_camera(verdicts)
    if first is not None:
        _check_one_roll(by_camera)
        return verdicts
    newest = {verdict.sequence for own in by_camera for verdict in own[max(_beginnings(own), default=0) :]}
    return [verdict for verdict in verdicts if verdict.sequence in newest]


def _on_web(messages: Iterable[bytes], camera: str | None) -> Iterator[Verdict]:
    for message in messages:
        verdict = parsed_numbered(message)
        if isinstance(verdict, Verdict) and camera in {None, verdict.camera} and _shows_web(verdict):
            yield verdict


def _shows_web(verdict: Verdict) -> bool:
    return verdict.frame is not None and verdict.across_mm is not None


def _by_camera(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Each camera's verdicts in the order in which it took the frames: an ERROR may be told before its turn."""
    boots = list(dict.fromkeys(verdict.boot for verdict in verdicts))
    taken = sorted(verdicts, key=lambda verdict: (boots.index(verdict.boot), verdict.frame or 0))
    cameras = dict.fromkeys(verdict.camera for verdict in taken)
    return [[verdict for verdict in taken if verdict.camera == camera] for camera in cameras]


def _beginnings(verdicts: Sequence[Verdict]) -> list[int]:
    """Where in a camera's verdicts the position along the web begins anew: a frame lies wholly before the last one."""
    found = []
    before: float | None = None
    for index, verdict in enumerate(verdicts):
        if verdict.along_mm is None:
            continue
        if before is not None and verdict.along_mm + frame_mm(verdict) < before:
            found.append(index)
        before = verdict.along_mm
    return found


def _check_one_roll(by_camera: Sequence[Sequence[Verdict]]) -> None:
    for own in by_camera:
        for index in _beginnings(own):
            number = min(verdict.sequence for verdict in own[index:])
            raise RollError(
                f"the position along the web of camera '{own[index].camera}' began anew with verdict {number}: "
                f"another roll. Give --last {number - 1} for the one before, or --first {number}"
            )


def _nothing(journal: Path, first: int, last: int, camera: str | None) -> str:
    of = "" if camera is None else f" of camera '{camera}'"
    return (
        f"{journal}: no verdict{of} tells of a place on a web in the range asked for; the journal holds "
        f"verdicts {first} to {last}. Places are known where [cameras.NAME.web] is set"
    )


def frame_mm(verdict: Verdict) -> float:
    """Length of a frame along the web, mm; 0 where no frame came."""
    return (verdict.height or 0) * (verdict.mm_per_px or 0.0)
