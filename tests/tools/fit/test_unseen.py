"""Whether evidence ships, by what it tells of defects of kinds that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.fit.methods.unseen import Reached, Told, Trial, trial  # noqa: E402 - needs torch
from tools.fit.models import auroc  # noqa: E402


@pytest.mark.parametrize(
    ("auroc_with", "aupro_with", "passed"),
    [
        (0.95, 0.7, True),
        (0.94, 0.5, True),  # as well by tiles: nothing speaks against it
        (0.93, 0.7, True),  # worse by no more than chance, and places are found
        (0.93, 0.6, False),
        (0.90, 0.9, False),  # worse by more than chance
    ],
)
def test_evidence_ships_where_it_helps_or_chance_alone_speaks_against_it(
    auroc_with: float, aupro_with: float, passed: bool
) -> None:
    tried = Trial(Reached(auroc_with, aupro_with), Reached(0.94, 0.6), chance=0.02)
    assert tried.passed is passed
    assert ("both ship" in str(tried)) is passed
    assert f"AUROC {auroc_with:.3f} and AUPRO {aupro_with:.3f}" in str(tried)


def test_without_anything_to_be_tried_on_it_does_not_ship() -> None:
    assert not trial([]).passed


Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def scores(rng: np.random.Generator, good: int, spoilt: int) -> tuple[Pair, Pair]:
    """Of two models that see much the same in a tile, each with a noise of its own."""
    tiles = np.concatenate([rng.normal(0, 1, good), rng.normal(1.5, 1, spoilt)])
    first, second = (tiles + rng.normal(0, 0.3, len(tiles)) for _ in range(2))
    return (first[:good], first[good:]), (second[:good], second[good:])


def test_chance_is_how_far_the_difference_strays_from_draw_to_draw_of_the_same_number_of_tiles() -> None:
    rng, strayed, told = np.random.default_rng(0), [], []
    for _ in range(400):
        pair = scores(rng, 12, 60)
        one, other = (Told(*each, aupro=0.5) for each in pair)
        strayed.append(auroc(*pair[0]) - auroc(*pair[1]))
        told.append(trial([(one, other)]).chance)
    assert np.mean(told) == pytest.approx(np.std(strayed), rel=0.1)


def test_models_that_say_the_same_differ_by_no_chance() -> None:
    good, spoilt = np.array([0.1, 0.4, 0.4]), np.array([0.4, 0.9])
    told = Told(good, spoilt, aupro=0.5)
    assert trial([(told, told)]).chance == 0
    assert trial([(told, told)]).with_evidence.auroc == auroc(good, spoilt)
