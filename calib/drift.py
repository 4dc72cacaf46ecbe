"""Drift: whether what good frames show still lies where it lay when the threshold was set.

Of each quantity the logarithm is charted, in spreads of the held-out pictures around their centre, for light, focus and
dirt act by a factor. An exponentially weighted moving average (Roberts, Technometrics 1, 1959) runs over the means of
blocks of frames rather than over frames: what follows one another on a line is alike, and a chart that takes frames for
independent cries wolf. How far the average strays by chance is told from the line itself, see `calib.noise`. The limit
has a part for that and one for the held-out pictures being few.

Both parts are wide: in the long run an alarm that means nothing is not believed when it means something.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.noise import Noise
from calib.threshold import TAIL_LEAST, score_bound

LEAST_HELD_OUT = TAIL_LEAST
"""Fewest held-out pictures that a centre and a spread are told from."""
SPREAD_LEAST = 0.03
"""Least spread, of the logarithm: 3 %. Held-out pictures taken within a minute can be all but alike; a line is not."""
CLIP = 6.0
"""Spreads beyond which a frame counts no more: one that is wholly odd must not move a block's mean."""
BLOCKS = 20
"""In a window."""
LINE_LIMIT = 3.5
"""Standard errors that the average may stray by chance. Normal charts take 2.7 to 3 (Lucas & Saccucci, Technometrics
32, 1990), for a false alarm in 500 blocks; a line makes that many in an hour."""
HELD_OUT_LIMIT = 1.75
"""Standard errors of the held-out pictures' own centre: drawn once for a bundle, not anew with each block."""
SLOW = 10
"""Windows of the slow average."""


@dataclass(frozen=True)
class Reference:
    """Where held-out values lie."""

    centre: float
    """Of the logarithms."""
    spread: float
    """Of the logarithms."""
    variance: float
    """Of values in spreads."""
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Reference | None:
        """Of held-out values, in any order; None where there are too few, or they are 0."""
        given = np.fromiter(values, np.float64)
        if given.size < LEAST_HELD_OUT or given.min() <= 0:
            return None
        logs = np.log(given)
        median = float(np.median(logs))
        spread = max(1.4826 * float(np.median(np.abs(logs - median))), SPREAD_LEAST)  # as of a normal distribution
        odd = np.clip((logs - median) / spread, -CLIP, CLIP)
        return cls(median + spread * float(odd.mean()), spread, max(float(odd.var()), 1.0), given.size)

    def spreads(self, value: float) -> float:
        """How many spreads a value lies above the centre, `CLIP` at most either way."""
        above = (math.log(value) - self.centre) / self.spread if value > 0 else -CLIP
        return min(max(above, -CLIP), CLIP)


class Average:
    """An exponentially weighted moving average of block means, from 0."""

    def __init__(self, blocks: int) -> None:
        self._weight = 2 / (blocks + 1)
        self.value = 0.0

    def take(self, mean: float) -> None:
        """Of one more block."""
        self.value += self._weight * (mean - self.value)

    def error(self, variance: float) -> float:
        """Its standard error in the long run, where block means have this variance and do not depend on each other."""
        return math.sqrt(self._weight / (2 - self._weight) * variance)


class Chart:
    """Follows one quantity from frame to frame.

    Two averages: over a window, for what comes within minutes, and over `SLOW` windows, which shows less.
    """

    def __init__(self, reference: Reference, window: int) -> None:
        """`window` is in frames."""
        self._reference = reference
        self._block = max(1, window // BLOCKS)
        self._averages = Average(BLOCKS), Average(SLOW * BLOCKS)
        self._noise = Noise(reference.variance / self._block)
        self._sum = 0.0
        self._count = 0
        self.shift = 0.0
        """How far recent frames lie above the centre, in spreads: by the quick average, unless only the slow one shows
        it."""
        self.strength = 0.0
        """How far either average has strayed, as a share of what it may while nothing has changed: a change where it is
        above 1."""

    def take(self, value: float) -> bool:
        """A frame's value; True where it filled a block, so that shift and strength have moved."""
        self._sum += self._reference.spreads(value)
        self._count += 1
        if self._count < self._block:
            return False
        self._take_block(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        return True

    def _take_block(self, mean: float) -> None:
        self._noise.take(mean)
        for average in self._averages:
            average.take(mean)
        quick, slow = (abs(average.value) / self._limit(average) for average in self._averages)
        self.strength = max(quick, slow)
        self.shift = self._averages[quick < min(1, slow)].value

    def _limit(self, average: Average) -> float:
        # However alike frames are, their average strays no further than they do.
        of_line = min(average.error(self._noise.variance), math.sqrt(self._reference.variance))
        of_held_out = math.sqrt(self._reference.variance / self._reference.count)
        return LINE_LIMIT * of_line + HELD_OUT_LIMIT * of_held_out

    @property
    def factor(self) -> float:
        """By what recent values are larger than the held-out ones; 1 where they are alike."""
        return math.exp(self.shift * self._reference.spread)


def passing(calibration: Calibration) -> Reference | None:
    """Where the scores of good frames lie that pass: recent frames are compared by those alone that do, for of those
    that fail nobody knows whether they are good."""
    return Reference.of(score for score in calibration.held_out_scores if score < calibration.threshold)


class Projection:
    """What share of good frames fails when all scores grow by a factor.

    The held-out scores are shifted and those above the threshold counted, with straight lines between them (of the
    logarithms) and on to the bound that the target gives: there the share is the target, by the threshold's own making.
    """

    def __init__(self, calibration: Calibration) -> None:
        scores = np.sort(np.array(calibration.held_out_scores, np.float64))
        target = calibration.target_false_rejects
        bound = score_bound(scores, target)
        above = 1 - np.arange(1, scores.size + 1) / (scores.size + 1)
        below = (above > target) & (scores < bound)
        # On beyond the bound at the rate from the smallest to there, for a threshold that was moved up.
        self._scores = np.log([*scores[below], bound, bound**2 / scores[0]])
        self._shares = np.log([*above[below], target, target**2])
        self._threshold = math.log(calibration.threshold)

    def share(self, factor: float) -> float:
        """Of good frames, when their scores are `factor` times what they were; 0 to 1."""
        return float(np.exp(np.interp(self._threshold - math.log(factor), self._scores, self._shares)))


def mean_distance(distance: NDArray[np.float32]) -> float:
    """Mean of a levelled map (rows×columns) over the cells that count: where nothing is inspected it is 0."""
    rows = distance[:: 1 + distance.size // MOST_CELLS]
    counted = int(np.count_nonzero(rows))
    return float(rows.sum()) / counted if counted else 0.0


MOST_CELLS = 1 << 14
"""Cells that a mean is taken of; of larger maps, every other row suffices, or fewer."""
