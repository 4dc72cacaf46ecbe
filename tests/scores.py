"""Scores of good frames, drawn: those that a threshold is set on, and those of a line that follow one another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from calib.threshold import calibrate

SPREAD = 0.14
"""Of the logarithms of scores, as on the brick wall of the demonstration."""


def held_out(count: int, target: float = 0.01) -> Calibration:
    """Log-normal scores, evenly over their distribution: the calibration is as right as so many pictures can make it.

    The mean distances are like the scores, but spread half as far.
    """
    normal = np.sort(np.random.default_rng(0).standard_normal((2000, count)), axis=1).mean(axis=0)
    return calibrate(
        np.exp(SPREAD * normal),
        target_false_rejects=target,
        top_cells=8,
        cells_per_picture=3600,
        mean_distances=np.exp(SPREAD / 2 * normal),
    )


def good_scores(count: int, alike: float, seed: int) -> NDArray[np.float64]:
    """Of frames that follow one another: a first-order autoregression with coefficient `alike`."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(count) * math.sqrt(1 - alike**2)
    level, found = rng.standard_normal(), np.empty(count)
    for index, step in enumerate(noise.tolist()):
        level = alike * level + step
        found[index] = level
    return np.asarray(np.exp(SPREAD * found))


def scores_of_parts(count: int, frames: int, seed: int) -> NDArray[np.float64]:
    """Of good frames that show the same part so many times, one part after the other; of the variance of the logarithms
    of scores, half is between parts."""
    rng = np.random.default_rng(seed)
    parts = np.repeat(rng.standard_normal(-(-count // frames)), frames)[:count]
    return np.asarray(np.exp(SPREAD * (parts + rng.standard_normal(count)) / math.sqrt(2)))
