"""The piece of a moving web that went past last, with its defects, each once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any, Final

from inspectd.wire.models import Outcome, Region, Verdict

LENGTH_MM: Final = 20_000.0
"""Defects further back are forgotten."""
MOST: Final = 300
"""Defects kept."""


@dataclass(frozen=True)
class Spot:
    """A defect on the web; lengths are mm."""

    id: int
    begin: float
    """Along the web."""
    end: float
    left: float
    """Across the web."""
    right: float
    severity: float
    """Its peak as a multiple of the threshold."""
    sequence: int
    """Number of the verdict that told of it last."""

    def joined(self, other: Spot) -> Spot:
        """Both in one."""
        return Spot(
            other.id,
            min(self.begin, other.begin),
            max(self.end, other.end),
            min(self.left, other.left),
            max(self.right, other.right),
            max(self.severity, other.severity),
            max(self.sequence, other.sequence),
        )


class Roll:
    """What one camera has seen of its web in one boot of the daemon."""

    def __init__(self) -> None:
        self._boot = ""
        self._spots: OrderedDict[int, Spot] = OrderedDict()
        self._begin = self._end = self._left = self._right = 0.0

    def add(self, verdict: Verdict) -> bool:
        """A frame; what its place or scale is not known of is passed over. One of another boot, or further back, begins
        the roll anew. Returns whether the defects are others than before."""
        along, scale = verdict.along_mm, verdict.mm_per_px
        if along is None or scale is None or verdict.outcome is Outcome.ERROR:
            return False
        length, width = (verdict.height or 0) * scale, (verdict.width or 0) * scale
        if verdict.boot != self._boot or along + length < self._end - LENGTH_MM / 2:
            self._boot, self._begin, self._end = verdict.boot, along, along
            self._spots.clear()
        self._end = max(self._end, along + length)
        self._begin = max(self._begin, self._end - LENGTH_MM)
        self._left = verdict.across_mm or 0.0
        self._right = self._left + width
        for region in verdict.regions:
            self._mark(region, scale, verdict)
        self._forget()
        return bool(verdict.regions)

    def told(self) -> dict[str, float] | None:
        """What of the web is kept, mm; None where none was seen."""
        if self._end <= self._begin:
            return None
        edges = {"begin": self._begin, "end": self._end, "left": self._left, "right": self._right}
        return {name: round(mm, 1) for name, mm in edges.items()}

    def spots(self) -> list[dict[str, Any]]:
        """The defects on it."""
        return [asdict(spot) for spot in self._spots.values()]

    def _mark(self, region: Region, scale: float, verdict: Verdict) -> None:
        if region.id is None or region.along_mm is None or region.across_mm is None:
            return
        spot = Spot(
            region.id,
            region.along_mm,
            round(region.along_mm + region.height * scale, 2),
            region.across_mm,
            round(region.across_mm + region.width * scale, 2),
            round(region.peak / verdict.threshold, 2),
            verdict.sequence,
        )
        for same in (region.id, *region.joins):
            known = self._spots.pop(same, None)
            spot = spot if known is None else known.joined(spot)
        self._spots[spot.id] = spot

    def _forget(self) -> None:
        for number in [number for number, spot in self._spots.items() if spot.end < self._begin]:
            del self._spots[number]
        while len(self._spots) > MOST:
            self._spots.popitem(last=False)
