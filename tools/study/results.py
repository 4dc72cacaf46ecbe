"""Figures of a study, gathered over seeds and surfaces."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calib.threshold import clopper_pearson
from tools.evaluate.evaluation import Figures


@dataclass(frozen=True)
class Result:
    """A method on a surface with a seed."""

    surface: str
    """Its folder's name and the view, where that is not `native`."""
    method: str
    shipped: str
    seed: int
    figures: Figures


@dataclass(frozen=True)
class Spread:
    """Median and range over seeds."""

    median: float
    least: float
    most: float


Figure = Callable[[Figures], float | None]
FIGURES: dict[str, Figure] = {
    "image AUROC": lambda figures: figures.image_auroc,
    "pixel AUROC": lambda figures: figures.pixel_auroc,
    "AUPRO": lambda figures: figures.aupro,
    "false rejects at 95 % detection": lambda figures: figures.frr_at_95,
    "detection at the threshold": lambda figures: figures.detection,
    "false rejects at the threshold": lambda figures: figures.false_rejects,
}


def spread(results: Sequence[Result], figure: Figure) -> Spread | None:
    """Over the seeds of one method on one surface; None where the surface cannot tell."""
    values = [value for value in (figure(result.figures) for result in results) if value is not None]
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def of(results: Sequence[Result], surface: str, method: str) -> list[Result]:
    """The results of one method on one surface."""
    return [result for result in results if (result.surface, result.method) == (surface, method)]


def names(results: Sequence[Result]) -> tuple[list[str], list[str]]:
    """Surfaces and methods, in the order in which they were run."""
    return list(dict.fromkeys(r.surface for r in results)), list(dict.fromkeys(r.method for r in results))


@dataclass(frozen=True)
class FalseRejects:
    """Good pictures never seen, all surfaces and seeds together."""

    failed: int
    inspected: int

    @property
    def share(self) -> float:
        """Of them that failed."""
        return self.failed / self.inspected

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Clopper-Pearson. Seeds inspect the same pictures in part, so it is narrower than it should be."""
        return clopper_pearson(self.failed, self.inspected)


def pooled_false_rejects(results: Sequence[Result], method: str) -> FalseRejects:
    """Of one method."""
    own = [result.figures for result in results if result.method == method]
    failed = sum(round(figures.false_rejects * figures.good) for figures in own)
    return FalseRejects(failed, sum(figures.good for figures in own))
