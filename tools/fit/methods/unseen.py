"""Whether evidence is of use: how it does on kinds of synthetic defects that it has not seen, against doing without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tools.fit.models import Scores, auroc


@dataclass(frozen=True)
class Told:
    """What a model says of held-out tiles."""

    good: Scores
    spoilt: Scores


@dataclass(frozen=True)
class Reached:
    """What was reached with evidence, and without."""

    with_evidence: float
    without: float

    def __str__(self) -> str:
        return f"{self.with_evidence:.3f} with evidence and {self.without:.3f} without"


@dataclass(frozen=True)
class Trial:
    """Both on the same tiles."""

    auroc: Reached
    """Of tiles."""
    chance: float
    """Standard error of the difference."""
    aupro: Reached | None = None
    """Of their maps, where AUROC leaves it in doubt."""

    @property
    def doubtful(self) -> bool:
        """Whether tiles are told worse with evidence, but by no more than chance makes of so few.

        Eight held-out pictures of a paper put evidence 0.009 behind; image AUROC of real defects was 1.000 either way,
        but AUPRO 0.97 with it and 0.68 without.
        """
        return 0 < self._lost <= self.chance

    @property
    def passed(self) -> bool:
        """Whether evidence ships: tiles are told as well with it, or it is in doubt and places are found better."""
        placed = self.aupro is not None and self.aupro.with_evidence > self.aupro.without
        return self._lost <= 0 or (self.doubtful and placed)

    @property
    def _lost(self) -> float:
        return round(self.auroc.without - self.auroc.with_evidence, 3)

    @property
    def figures(self) -> dict[str, float]:
        """For the manifest."""
        measured = {"auroc": self.auroc, "aupro": self.aupro}
        return {
            f"unseen_kinds_{name}_{side}": value
            for name, reached in measured.items()
            if reached is not None
            for side, value in (("cse", reached.with_evidence), ("whitened", reached.without))
        }

    def __str__(self) -> str:
        told = f"On kinds of synthetic defects that evidence had not seen, AUROC is {self.auroc}"
        if self.aupro is not None:
            told += f", which chance alone can make (± {self.chance:.3f}), and AUPRO {self.aupro}"
        return f"{told}: {'both ship, side by side' if self.passed else 'whitened features ship without it'}."


def trial(pairs: Sequence[tuple[Told, Told]]) -> Trial:
    """The means of several, one at least: of each, what was told with evidence and without, of the same tiles."""
    reached = np.mean([[auroc(told.good, told.spoilt) for told in pair] for pair in pairs], axis=0)
    return Trial(Reached(*reached.tolist()), float(np.mean([_chance(*pair) for pair in pairs])))


def _chance(one: Told, other: Told) -> float:
    """Standard error of the difference between two AUROC over the same tiles (DeLong et al., Biometrics 1988)."""
    of_good, of_spoilt = (a - b for a, b in zip(_placements(one), _placements(other), strict=True))
    return float(np.sqrt(sum(apart.var(ddof=1) / len(apart) for apart in (of_good, of_spoilt) if len(apart) > 1)))


def _placements(told: Told) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each good tile the share of spoilt ones above it, of each spoilt one the share of good ones below it; ties
    count half."""
    good, spoilt = len(told.good), len(told.spoilt)
    ranks = rankdata(np.concatenate([told.good, told.spoilt]))
    below_good, below_spoilt = (
        ranks[:good] - rankdata(told.good),  # spoilt ones below each good one
        ranks[good:] - rankdata(told.spoilt),
    )
    return 1 - below_good / spoilt, below_spoilt / good
