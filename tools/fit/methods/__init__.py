"""Every way to learn a surface that `inspectd-train` knows, by the name under which it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.fit.models import Model
    from tools.fit.sets import TrainingSet


@dataclass(frozen=True)
class Method:
    """A way to learn.

    What does it is loaded when it is to be done: command lines know methods by their names, and torch takes seconds to
    import.
    """

    name: str
    meaning: str
    """In a few words, for help and report."""
    function: str
    """Of this package, as `module.function`."""
    levelled: bool = False
    """Whether maps are levelled at the frame's edge: part of the method that ships, not of those it is held against."""
    contrast: bool = False
    """Whether it learns from a contrast of positions, for which many more tiles are spoilt than are kept."""

    def fit(self, data: TrainingSet) -> Model:
        """Learn from it."""
        module, name = self.function.split(".")
        fitted: Model = getattr(import_module(f"{__name__}.{module}"), name)(data)
        return fitted


METHODS = {
    method.name: method
    for method in (
        Method(
            "cse",
            "whitened features, many centroids, learned evidence, detail of colour",
            "cse.fit_cse",
            levelled=True,
            contrast=True,
        ),
        Method("whitened", "whitened features with many centroids", "linear.fit_whitened"),
        Method("patchcore", "nearest neighbour in a coreset of good features (PatchCore)", "patchcore.fit_patchcore"),
        Method("mahalanobis", "Mahalanobis distance to good (PaDiM without position)", "linear.fit_mahalanobis"),
        Method("cse-published", "CSE as published: one locked map of good, mean score", "published.fit_published"),
    )
}
"""The first is the default; the others are what it is held against."""
BASELINES = tuple(name for name in METHODS if name != "cse")
