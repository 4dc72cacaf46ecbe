"""How far averages stray is learned from lines of every kind, whether or not what they show rises meanwhile."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from calib.noise import ALIKE, Noise

BLOCKS = 2000


def means(alike: float, seed: int) -> NDArray[np.float64]:
    """Of blocks, of variance 1: a first-order autoregression with coefficient `alike`."""
    rng = np.random.default_rng(seed)
    level, found = rng.standard_normal(), np.empty(BLOCKS)
    for index, step in enumerate((rng.standard_normal(BLOCKS) * math.sqrt(1 - alike**2)).tolist()):
        level = alike * level + step
        found[index] = level
    return found


def told(given: NDArray[np.float64], least: float = 0.01) -> float:
    noise = Noise(least)
    for mean in given.tolist():
        noise.take(mean)
    return noise.variance


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_averages_of_blocks_that_are_alike_stray_further(alike: float) -> None:
    """By the long-run variance; what is alike over very many blocks is not wholly told by means of 16."""
    found = np.mean([told(means(alike, seed)) for seed in range(20)])
    assert 0.5 < found / ((1 + alike) / (1 - alike)) < 1.4


@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_a_steady_rise_is_no_noise(alike: float) -> None:
    """In all, by ten times the spread of a block's mean."""
    given = means(alike, seed=1)
    rising = given + np.linspace(0, 10, BLOCKS)
    assert told(rising) == pytest.approx(told(given), rel=0.1)


def test_a_step_is_no_noise_for_long() -> None:
    given = means(0.0, seed=2)
    given[BLOCKS // 2 :] += 20
    assert told(given) == pytest.approx(told(means(0.0, seed=2)), rel=0.3)


def test_before_the_line_is_known_its_frames_are_taken_for_alike() -> None:
    noise = Noise(0.01)
    assert noise.variance == ALIKE * 0.01
    noise.take(0.1)
    assert noise.variance == pytest.approx(ALIKE * 0.01)


def test_blocks_that_are_all_but_the_same_have_the_variance_of_independent_frames() -> None:
    assert told(np.full(BLOCKS, 0.3)) == 0.01
