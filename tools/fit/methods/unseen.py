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
    aupro: float
    """Of their maps."""


@dataclass(frozen=True)
class Reached:
    """How well defects are told, and where they lie."""

    auroc: float
    """Of tiles."""
    aupro: float

    def __str__(self) -> str:
        return f"AUROC {self.auroc:.3f} and AUPRO {self.aupro:.3f}"


@dataclass(frozen=True)
class Trial:
    """Both on the same tiles."""

    with_evidence: Reached
    without: Reached
    chance: float
    """Standard error of the difference between their AUROC."""

    @property
    def passed(self) -> bool:
        """Whether evidence ships: tiles are told as well with it as without, or worse by no more than chance makes of
        so few tiles, and places are found better.

        Eight held-out pictures of a paper put evidence 0.009 behind; image AUROC of real defects was 1.000 either way,
        but AUPRO 0.97 with it and 0.68 without.
        """
        lost = round(self.without.auroc - self.with_evidence.auroc, 3)
        return lost <= 0 or (lost <= self.chance and self.with_evidence.aupro > self.without.aupro)

    def __str__(self) -> str:
        told = (
            f"On kinds of synthetic defects that it had not seen, learned evidence beside whitened features reached "
            f"{self.with_evidence}, whitened features alone {self.without} (AUROC ± {self.chance:.3f} by chance)"
        )
        return f"{told}: {'both ship, side by side' if self.passed else 'whitened features ship without it'}."


def trial(pairs: Sequence[tuple[Told, Told]]) -> Trial:
    """The means of several: of each, what was told with evidence and without, of the same tiles. With none, nothing
    speaks for evidence, and it fails."""
    if not pairs:
        return Trial(Reached(0.0, 0.0), Reached(1.0, 1.0), 0.0)
    with_evidence, without = (
        Reached(*np.mean([(auroc(told.good, told.spoilt), told.aupro) for told in side], axis=0).tolist())
        for side in zip(*pairs, strict=True)
    )
    return Trial(with_evidence, without, float(np.mean([_chance(*pair) for pair in pairs])))


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
