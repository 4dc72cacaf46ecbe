"""What the daemon said, held against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from inspectd.wire.models import Outcome, Region, Verdict
from tools.demo.scene import Scene
from tools.evaluate.dataset import GOOD, LabelledPicture


@dataclass(frozen=True)
class Said:
    """One frame: the truth and the verdict."""

    picture: LabelledPicture
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """Whether the daemon rejected it."""
        return self.verdict.outcome is Outcome.FAIL

    @property
    def wrong(self) -> bool:
        """A miss, a false alarm, or no judgement."""
        return self.verdict.outcome is Outcome.ERROR or self.failed is self.picture.good

    @property
    def located(self) -> bool | None:
        """Whether a region told lies on the marked defect; None where nothing is marked."""
        truth = self.truth
        return None if truth is None else any(_touches(region, truth) for region in self.verdict.regions)

    @property
    def truth(self) -> NDArray[np.bool_] | None:
        """Where the defect is, H×W; None on a good frame, and where nobody has marked it."""
        if self.picture.good:
            return None
        return self.picture.truth(self.verdict.height or 0, self.verdict.width or 0)


def match(scene: Scene, verdicts: Sequence[Verdict]) -> list[Said]:
    """Put every verdict beside its frame, in order of the frames."""
    return [
        Said(scene.truth[verdict.source], verdict)
        for verdict in sorted(verdicts, key=lambda verdict: verdict.frame or 0)
        if verdict.source in scene.truth
    ]


def outcome_table(said: Sequence[Said]) -> Table:
    """Hits and false alarms by kind of defect."""
    table = Table(title="What was said, against the truth", title_justify="left")
    for heading in ("truth", "frames", "FAIL", "PASS", "ERROR", "defect located"):
        table.add_column(heading, justify="left" if heading == "truth" else "right")
    kinds = sorted({each.picture.kind for each in said if not each.picture.good})
    for kind in kinds:
        table.add_row(kind, *_counts([each for each in said if each.picture.kind == kind]))
    table.add_section()
    defective = [each for each in said if not each.picture.good]
    if defective:
        table.add_row("all defective", *_counts(defective), style="bold")
    table.add_row(GOOD, *_counts([each for each in said if each.picture.good]), style="bold")
    return table


def outcome_words(said: Sequence[Said]) -> str:
    """The table in one sentence."""
    counts = tally(said)
    return (
        f"{counts['hits']} of {counts['defective']} defective frames found, "
        f"{counts['false_alarms']} false alarms on {counts['good']} good frames, {counts['errors']} errors."
    )


def tally(said: Sequence[Said]) -> Mapping[str, int]:
    """Hits, false alarms and errors, with the frames they are out of."""
    defective = [each for each in said if not each.picture.good]
    good = [each for each in said if each.picture.good]
    return {
        "frames": len(said),
        "defective": len(defective),
        "hits": sum(each.failed for each in defective),
        "located": sum(each.located is True for each in defective),
        "good": len(good),
        "false_alarms": sum(each.failed for each in good),
        "errors": sum(each.verdict.outcome is Outcome.ERROR for each in said),
    }


def _counts(said: Sequence[Said]) -> tuple[str, ...]:
    outcomes = [each.verdict.outcome for each in said]
    by_outcome = (str(outcomes.count(outcome)) for outcome in (Outcome.FAIL, Outcome.PASS, Outcome.ERROR))
    marked = [each.located for each in said if each.located is not None]
    return str(len(said)), *by_outcome, f"{sum(marked)} of {len(marked)}" if marked else "–"


def _touches(region: Region, truth: NDArray[np.bool_]) -> bool:
    left, top = int(region.x), int(region.y)
    return bool(truth[top : int(region.y + region.height) + 1, left : int(region.x + region.width) + 1].any())
