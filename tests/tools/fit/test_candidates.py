"""Which embedding ships."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.fit.candidates import CSE, LEARNED, WHITENED, Candidate, choose  # noqa: E402 - needs torch
from tools.method.embedder import Embedding  # noqa: E402


def candidate(name: str, auroc: float, separation: float = 1.0) -> Candidate:
    return Candidate(name, Embedding([], []), np.zeros((1, 1), np.float32), auroc, separation)


def chosen(whitened: float, learned: float, both: float) -> str:
    return choose([candidate(WHITENED, whitened), candidate(LEARNED, learned), candidate(CSE, both)]).name


def test_what_is_learned_ships_where_it_clearly_leads() -> None:
    assert chosen(0.60, 0.90, 0.95) == CSE


def test_what_is_learned_never_ships_alone() -> None:
    assert chosen(0.60, 0.99, 0.95) == CSE
    assert chosen(0.94, 0.99, 0.95) == WHITENED


def test_a_small_lead_on_the_defects_it_was_trained_on_is_not_enough() -> None:
    assert chosen(0.93, 0.90, 0.945) == WHITENED


def test_ties_are_settled_by_separation() -> None:
    best = choose([candidate(WHITENED, 0.98, 5.0), candidate(CSE, 1.0, 7.0)])
    assert best.name == CSE
