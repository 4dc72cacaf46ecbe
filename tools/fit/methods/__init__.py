"""Every way to learn a surface that `inspectd-train` knows, by the name under which it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.fit.methods.cse import fit_cse
from tools.fit.methods.linear import fit_mahalanobis, fit_whitened
from tools.fit.methods.patchcore import fit_patchcore
from tools.fit.methods.published import fit_published
from tools.fit.models import Model
from tools.fit.sets import TrainingSet


@dataclass(frozen=True)
class Method:
    """A way to learn."""

    name: str
    meaning: str
    """In a few words, for help and report."""
    fit: Callable[[TrainingSet], Model]
    levelled: bool = False
    """Whether maps are levelled at the frame's edge: part of the method that ships, not of those it is held against."""
    contrast: bool = False
    """Whether it learns from a contrast of positions, for which many more tiles are spoilt than are kept."""


METHODS = {
    method.name: method
    for method in (
        Method(
            "cse",
            "whitened features, many centroids, learned evidence, detail of colour",
            fit_cse,
            levelled=True,
            contrast=True,
        ),
        Method("whitened", "whitened features with many centroids", fit_whitened),
        Method("patchcore", "nearest neighbour in a coreset of good features (PatchCore)", fit_patchcore),
        Method("mahalanobis", "Mahalanobis distance to good (PaDiM without position)", fit_mahalanobis),
        Method("cse-published", "CSE as published: one locked map of good, mean score", fit_published),
    )
}
"""The first is the default; the others are what it is held against."""
BASELINES = tuple(name for name in METHODS if name != "cse")
