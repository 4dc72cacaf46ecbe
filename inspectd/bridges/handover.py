"""What is handed over to the other side, one after the other: verdicts, and word of verdicts that are lost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from inspectd.bridges.codes import OUTCOMES, REASONS, Kind, LostReason, OutcomeCode
from inspectd.wire.models import PartVerdict, Region, Verdict

WORD = 1 << 32


class Position(NamedTuple):
    """How far the other side has come."""

    series: int
    """Names a series of numbers, 32 bits; another one where the numbers began anew."""
    journal: str
    """The journal that counted."""
    sequence: int
    """The last number that was taken."""


@dataclass(frozen=True)
class Handover:
    """A verdict, or word of lost ones, as the other side gets it."""

    position: Position
    """Where the other side stands once it has taken this."""
    kind: Kind
    outcome: OutcomeCode
    reason: int = 0
    """One of REASONS or LostReason; 0 where there is none."""
    camera: str = ""
    """Empty for a part."""
    part: str = ""
    """Id of the part; empty for a frame that belongs to none."""
    frame: int = 0
    score: float = 0.0
    threshold: float = 0.0
    regions: int = 0
    """How many, with those that the verdict does not list."""
    region: Region | None = None
    """The one with the largest peak."""
    along_mm: float = 0.0
    """Where the frame begins along the web."""
    latency_ms: float = 0.0
    missing: int = 0
    """How many are lost; 0 also where that is not known."""
    due_utc_s: float = float("inf")
    """When its deadline ends, s since 1970."""
    message: Verdict | PartVerdict | None = None

    @property
    def ticket(self) -> int:
        """64 bits that name this: `series`, then the lower 32 bits of the number."""
        return ticket(self.position.series, self.position.sequence)

    def to_json(self) -> str:
        """The message as it came on the wire, with `series` before it; `kind` `lost` for word of lost ones."""
        if self.message is None:
            told = {"kind": "lost", "reason": LostReason(self.reason).name.lower(), "missing": self.missing}
            fields = json.dumps({"journal": self.position.journal, "sequence": self.position.sequence, **told})
        else:
            fields = self.message.model_dump_json()
        return f'{{"series":{self.position.series},{fields[1:]}'


def ticket(series: int, sequence: int) -> int:
    """As `Handover.ticket`."""
    return series % WORD * WORD + sequence % WORD


def frame_handover(verdict: Verdict, series: int) -> Handover:
    """Hand over a verdict on a frame."""
    return Handover(
        Position(series, verdict.journal, verdict.sequence),
        Kind.FRAME,
        OUTCOMES[verdict.outcome],
        reason=REASONS[verdict.reason] if verdict.reason else 0,
        camera=verdict.camera,
        part=verdict.part or "",
        frame=verdict.frame or 0,
        score=verdict.score or 0.0,
        threshold=verdict.threshold,
        regions=len(verdict.regions) + verdict.regions_omitted,
        region=verdict.regions[0] if verdict.regions else None,
        along_mm=verdict.along_mm or 0.0,
        latency_ms=verdict.latency_ms,
        due_utc_s=_seconds(verdict.captured_utc) + verdict.deadline_ms / 1000,
        message=verdict,
    )


def part_handover(verdict: PartVerdict, series: int) -> Handover:
    """Hand over a verdict on a part."""
    return Handover(
        Position(series, verdict.journal, verdict.sequence),
        Kind.PART,
        OUTCOMES[verdict.outcome],
        reason=REASONS[verdict.reason] if verdict.reason else 0,
        part=verdict.part,
        latency_ms=verdict.latency_ms,
        due_utc_s=_seconds(verdict.triggered_utc) + verdict.deadline_ms / 1000,
        message=verdict,
    )


def lost_handover(position: Position, reason: LostReason, missing: int) -> Handover:
    """Hand over that the verdicts up to `position` are lost."""
    return Handover(position, Kind.LOST, OutcomeCode.LOST, reason=reason, missing=missing)


def _seconds(utc: str) -> float:
    return datetime.fromisoformat(utc).timestamp()
