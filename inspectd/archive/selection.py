"""Which frames are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inspectd.archive.layout import Kept
from inspectd.wire.models import Outcome, Reason, Verdict

OF_THE_PICTURE: Final = frozenset({Reason.BAD_FRAME, Reason.BLANK, Reason.FROZEN})
"""ERROR for what the picture is, or that it is none: one such frame looks like the next."""
FIRST_OF_MANY: Final = 8


@dataclass
class _Nearest:
    """Of a camera's PASS in one run of frames, as far as it was seen."""

    run: int
    score: float


@dataclass
class _Series:
    """Verdicts on a camera's frames with the same reason, one after the other."""

    reason: Reason | None
    length: int = 0

    @property
    def is_told(self) -> bool:
        """Whether the last one is kept: one of the first few, and from then on each time when they have doubled."""
        return self.length <= FIRST_OF_MANY or self.length.bit_count() == 1


class Selection:
    """Every FAIL and ERROR, but of a series of pictures that are none, such as a dead camera delivers all night, only
    some; of each run of `every` frames of a camera the last one, if it is a PASS, and the PASS that came nearest to the
    threshold: a person learns most from that, and no drift makes more of them. By the frame's number, so that the same
    line keeps the same frames. For one thread."""

    def __init__(self, every: int) -> None:
        """`every` 0: no PASS."""
        self._every = every
        self._nearest: dict[str, _Nearest] = {}
        self._series: dict[str, _Series] = {}

    def wants(self, verdict: Verdict) -> Kept | None:
        """Why the frame is kept; `Kept.NEAR` as long as none of its run comes nearer. None where it is not."""
        series = self._in_series(verdict)
        if verdict.outcome is Outcome.PASS:
            return self._of_good(verdict)
        return None if verdict.reason in OF_THE_PICTURE and not series.is_told else Kept(verdict.outcome)

    def _in_series(self, verdict: Verdict) -> _Series:
        series = self._series.get(verdict.camera)
        if series is None or series.reason is not verdict.reason:
            series = self._series[verdict.camera] = _Series(verdict.reason)
        series.length += 1
        return series

    def run_of(self, frame: int) -> int:
        """The run of frames that this number is in."""
        return (frame - 1) // self._every

    def _of_good(self, verdict: Verdict) -> Kept | None:
        if not self._every or verdict.frame is None or verdict.score is None:
            return None
        if verdict.frame % self._every == 0:
            return Kept.SAMPLE
        run, nearest = self.run_of(verdict.frame), self._nearest.get(verdict.camera)
        if nearest is not None and nearest.run == run and nearest.score >= verdict.score:
            return None
        self._nearest[verdict.camera] = _Nearest(run, verdict.score)
        return Kept.NEAR
