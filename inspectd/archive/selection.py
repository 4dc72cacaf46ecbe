"""Which frames are kept."""

from __future__ import annotations

from dataclasses import dataclass

from inspectd.archive.layout import Kept
from inspectd.wire.models import Outcome, Verdict


@dataclass
class _Nearest:
    """Of a camera's PASS in one run of frames, as far as it was seen."""

    run: int
    score: float


class Selection:
    """Every FAIL and ERROR; of each run of `every` frames of a camera the last one, if it is a PASS, and the PASS that
    came nearest to the threshold: a person learns most from that, and no drift makes more of them. By the frame's
    number, so that the same line keeps the same frames. For one thread."""

    def __init__(self, every: int) -> None:
        """`every` 0: no PASS."""
        self._every = every
        self._nearest: dict[str, _Nearest] = {}

    def wants(self, verdict: Verdict) -> Kept | None:
        """Why the frame is kept; `Kept.NEAR` as long as none of its run comes nearer. None where it is not."""
        if verdict.outcome is Outcome.PASS:
            return self._of_good(verdict)
        return Kept(verdict.outcome)

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
