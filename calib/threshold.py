"""The threshold, from the scores of held-out good pictures and the share of good pictures that may fail.

Where the pictures suffice, split conformal: of n scores the ⌈(n+1)(1−α)⌉-th smallest is not exceeded by a further good
picture with probability 1−α at least, whatever the scores' distribution (Vovk et al., Algorithmic Learning in a Random
World, 2005). That needs n ≥ 1/α − 1.

Below that the tail above the k largest scores is extrapolated. Excesses over a high level follow a generalised Pareto
law (Pickands 1975); its shape cannot be learned from few scores, so they are taken as exponential, and the scale's
uncertainty is carried along: a new excess over the sum of k earlier ones follows a Pareto law of shape 1/k exactly.
The fewer the scores, the heavier that tail and the higher the threshold. In simulation it kept α for normal,
log-normal, gamma, Gumbel and exponential scores at every n from 5 on, and where the scores' own tail was heavier
(Student's t, 4 degrees) it came within 2 α; a tail with a fitted shape missed it many times over.

Fewer than 5 scores tell nothing of a tail: the threshold is then twice the largest.

All of this takes scores for exchangeable: hold out whole parts, rolls or blocks, never tiles of the same picture. Where
several held-out pictures show one piece of surface they count as one together, as in hierarchical conformal prediction
(Lee, Barber & Willett, Distribution-free inference with hierarchical data, 2023): five exposures of each of twenty
parts promise no more than twenty pictures do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.errors import CalibrationError

RUNTIME_SPREAD = 1e-4
"""Relative difference that a score may have between runtimes. The threshold keeps this far above the score it is made
from, so that the picture with that score passes on each of them."""
TAIL_LEAST = 5
"""Fewest scores that a tail is told from."""
CONFIDENCE = 0.95
"""Of the interval."""


def calibrate(
    scores: Iterable[float],
    *,
    target_false_rejects: float,
    top_cells: int,
    cells_per_picture: int,
    border: tuple[float, ...] = (),
    mean_distances: Iterable[float] = (),
    weights: Sequence[float] | None = None,
) -> Calibration:
    """Set the threshold at and above which a picture fails.

    Args:
        scores: of good pictures, seen neither by training nor by the centroids; any order, at least one.
        target_false_rejects: α, the share of good pictures that may fail, above 0 and below 1.
        top_cells: how many largest cells of a map make a score.
        cells_per_picture: cells of a held-out picture's map.
        border: factors by which the maps were levelled at the frame's edge before they were scored (`calib.border`);
            kept as it is, so that every further map is levelled alike.
        mean_distances: mean of each of the scores' maps, so levelled; what drift is told by besides.
        weights: how much each picture counts, in the order of scores and of mean distances: 1 by itself, 1/n where n
            show the same. Without, each counts 1.

    Raises:
        CalibrationError: no scores, a score that is not finite, scores of 0 only, or an impossible target.
    """
    if not 0 < target_false_rejects < 1:
        raise CalibrationError(f"target of false rejects {target_false_rejects}: it must lie between 0 and 1")
    ordered = _thinned(_checked(scores), weights)
    method, bound = _method_and_bound(ordered, target_false_rejects)
    threshold = max(bound * (1 + RUNTIME_SPREAD), math.nextafter(bound, math.inf))
    rejected = int((ordered >= threshold).sum())
    return Calibration(
        threshold=threshold,
        top_cells=top_cells,
        target_false_rejects=target_false_rejects,
        method=method,
        observed_false_rejects=rejected / ordered.size,
        interval=clopper_pearson(rejected, ordered.size),
        cells_per_picture=cells_per_picture,
        held_out_scores=tuple(ordered.tolist()),
        border=border,
        held_out_mean_distances=tuple(_thinned(np.fromiter(mean_distances, np.float64), weights).tolist()),
    )


def clopper_pearson(count: int, total: int) -> tuple[float, float]:
    """95 % interval of a share of which `count` in `total` were seen (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv  # noqa: PLC0415 - the runtime imports this package and has no scipy

    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return low, high


def _checked(scores: Iterable[float]) -> NDArray[np.float64]:
    given = np.fromiter(scores, np.float64)
    if not given.size:
        raise CalibrationError("no held-out good picture: a threshold needs at least one; give more good pictures")
    if not np.isfinite(given).all():
        raise CalibrationError(
            f"{int((~np.isfinite(given)).sum())} of {given.size} held-out scores are not finite; "
            "the model is broken, or a picture holds nothing it can measure"
        )
    if given.max() <= 0:
        raise CalibrationError(
            f"all {given.size} held-out scores are 0: the held-out pictures equal those that were learned from "
            "(copies, or all of one colour); give pictures that differ"
        )
    return given


def independent(weights: Sequence[float]) -> int:
    """As how many independent pictures so weighted ones count, at least one."""
    return max(1, math.floor(math.fsum(weights) + 1e-9))


def _thinned(values: NDArray[np.float64], weights: Sequence[float] | None) -> NDArray[np.float64]:
    """As many of the values, ascending, as their weights make together, and the largest always: each stands for those
    that come after the one before it."""
    order = np.argsort(values, kind="stable")
    if weights is None or not values.size:
        return values[order]
    reached = np.cumsum(np.asarray(weights)[order])
    count = independent(weights)
    steps = reached[-1] * np.arange(1, count + 1) / count
    chosen: NDArray[np.float64] = values[order[np.searchsorted(reached, steps - 1e-9)]]
    return chosen


def score_bound(ordered: NDArray[np.float64], target: float) -> float:
    """The score above which good pictures lie with probability `target` at most, from held-out scores (n, ascending,
    not all 0): just below the threshold that `calibrate` sets."""
    return _method_and_bound(ordered, target)[1]


def _method_and_bound(
    ordered: NDArray[np.float64], target: float
) -> tuple[Literal["split-conformal", "pareto-tail"], float]:
    """The score above which good pictures lie with probability `target` at most, and how it was found."""
    count = ordered.size
    rank = math.ceil((count + 1) * (1 - target) - 1e-9)  # 1 - 0.99 is not 0.01 to the last bit
    if rank <= count and ordered[rank - 1] > 0:
        return "split-conformal", float(ordered[rank - 1])
    return "pareto-tail", max(float(ordered[-1]), _tail_bound(ordered, target))


def _tail_bound(ordered: NDArray[np.float64], target: float) -> float:
    count = ordered.size
    if count < TAIL_LEAST:
        return 2 * float(ordered[-1])
    tail = min(max(4, count // 2), max(10, count // 10))
    level = ordered[-tail - 1]
    above = (tail + 1) / (count + 1)  # probability of a new score above `level`, by exchangeability
    reach = max(0.0, (above / target) ** (1 / tail) - 1)
    return float(level + (ordered[-tail:] - level).sum() * reach)
