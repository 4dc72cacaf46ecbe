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
    ("with_evidence", "places", "passed"),
    [
        (0.95, None, True),
        (0.94, None, True),
        (0.93, Reached(0.7, 0.6), True),
        (0.93, Reached(0.6, 0.6), False),
        (0.90, None, False),
    ],
)
def test_evidence_ships_where_it_helps_or_chance_alone_speaks_against_it_and_places_for_it(
    with_evidence: float, places: Reached | None, passed: bool
) -> None:
    tried = Trial(Reached(with_evidence, 0.94), chance=0.02, aupro=places)
    assert tried.doubtful is (places is not None)
    assert tried.passed is passed
    assert ("both ship" in str(tried)) is passed
    assert f"{with_evidence:.3f} with evidence and 0.940 without" in str(tried)
    assert ("0.600 without" in str(tried)) is (places is not None)
    assert tried.figures["unseen_kinds_auroc_cse"] == with_evidence
    assert ("unseen_kinds_aupro_cse" in tried.figures) is (places is not None)


Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def scores(rng: np.random.Generator, good: int, spoilt: int) -> tuple[Pair, Pair]:
    """Of two models that see much the same in a tile, each with a noise of its own."""
    tiles = np.concatenate([rng.normal(0, 1, good), rng.normal(1.5, 1, spoilt)])
    first, second = (tiles + rng.normal(0, 0.3, len(tiles)) for _ in range(2))
    return (first[:good], first[good:]), (second[:good], second[good:])


def test_chance_is_how_far_the_difference_strays_from_draw_to_draw_of_the_same_number_of_tiles() -> None:
    rng, strayed, told = np.random.default_rng(0), [], []
    for _ in range(200):
        pair = scores(rng, 12, 60)
        one, other = (Told(*each) for each in pair)
        strayed.append(auroc(*pair[0]) - auroc(*pair[1]))
        told.append(trial([(one, other)]).chance)
    assert np.mean(told) == pytest.approx(np.std(strayed), rel=0.1)


def test_models_that_say_the_same_differ_by_no_chance() -> None:
    good, spoilt = np.array([0.1, 0.4, 0.4]), np.array([0.4, 0.9])
    told = Told(good, spoilt)
    assert trial([(told, told)]).chance == 0
    assert trial([(told, told)]).auroc == Reached(auroc(good, spoilt), auroc(good, spoilt))
