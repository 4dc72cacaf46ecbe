"""How methods do on the same held-out tiles, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.fit.methods import METHODS
from tools.fit.models import Model, auroc, tile_scores
from tools.fit.sets import TrainingSet
from tools.fit.steps import Steps


@dataclass(frozen=True)
class Compared:
    """A method and what it reached."""

    method: str
    """As it was asked for."""
    auroc: float
    """Held-out good tiles against held-out synthetic defects, by score."""


def measure(method: str, model: Model, data: TrainingSet) -> Compared:
    """Score the held-out tiles with a model that `method` has learned."""
    good, spoilt = (tile_scores(model, each) for each in (data.held_out, data.held_out_spoilt.features))
    return Compared(method, auroc(good, spoilt))


def compare(methods: Sequence[str], data: TrainingSet, steps: Steps) -> list[Compared]:
    """Learn the same surface by each of these methods, and measure."""
    results = []
    for name in methods:
        with steps.step(f"beside it: {name}"):
            results.append(measure(name, METHODS[name].fit(data), data))
    return results
