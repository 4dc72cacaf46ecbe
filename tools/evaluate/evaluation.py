"""Running a bundle over labelled pictures, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.heatmap import enlarge
from calib.threshold import clopper_pearson
from engines.base import Engine
from engines.bundle import Bundle
from tools.evaluate.dataset import LabelledPicture
from tools.evaluate.metrics import PixelCurves, auroc, false_rejects_at, rejected
from tools.inspection import inspect


@dataclass(frozen=True)
class Judged:
    """A labelled picture and what the bundle says of it."""

    picture: LabelledPicture
    height: int
    """px."""
    width: int
    """px."""
    distance: NDArray[np.float32]
    """The stitched map, one value a cell."""
    score: float


@dataclass(frozen=True)
class DefectFigures:
    """Of one kind of defect."""

    pictures: int
    detected: int
    """At the shipped threshold."""
    image_auroc: float

    @property
    def detection(self) -> float:
        """Share of the pictures that fail."""
        return self.detected / self.pictures


@dataclass(frozen=True)
class Figures:
    """Of a whole set; fractions of 1. None where the set cannot tell."""

    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    frr_at_95: float | None
    """Share of good pictures rejected at the threshold that detects 95 % of the defective ones."""
    frr_at_99: float | None
    detection: float | None
    """Share of defective pictures that fail at the shipped threshold."""
    false_rejects: float
    """Share of good pictures that fail at the shipped threshold."""
    false_rejects_interval: tuple[float, float]
    """95 % Clopper-Pearson interval of it."""
    good: int
    defective: int
    marked: int
    """Defective pictures with a mask."""
    regions: int
    """Connected areas in the masks."""
    by_defect: dict[str, DefectFigures]


def judge_all(
    engine: Engine, bundle: Bundle, pictures: Sequence[LabelledPicture], progress: Callable[[], None] = lambda: None
) -> list[Judged]:
    """Inspect every picture with an active engine; masks are read too, so that a bad one is told before the end.

    Raises:
        PictureError: a picture or a mask cannot be used.
        EngineError: the engine failed.
    """
    judged = []
    for picture in pictures:
        pixels = picture.read()
        height, width = pixels.shape[:2]
        picture.truth(height, width)
        result = inspect(engine, bundle.manifest.tile, bundle.calibration, pixels)
        judged.append(Judged(picture, height, width, result.distance, result.score))
        progress()
    return judged


def figures(judged: Sequence[Judged], *, threshold: float, cell: int) -> Figures:
    """The figures of a set that holds at least one good picture.

    Args:
        judged: all pictures of the set.
        threshold: the shipped one.
        cell: side of the square of pixels that one value of a map stands for, px.
    """
    good = _scores(one for one in judged if one.picture.good)
    defective = _scores(one for one in judged if not one.picture.good)
    curves = _pixel_curves(judged, cell)
    false_rejects = int((good >= threshold).sum())
    return Figures(
        image_auroc=auroc(good, defective) if defective.size else None,
        pixel_auroc=curves.auroc(),
        aupro=curves.aupro(),
        frr_at_95=false_rejects_at(good, defective, 0.95) if defective.size else None,
        frr_at_99=false_rejects_at(good, defective, 0.99) if defective.size else None,
        detection=rejected(defective, threshold) if defective.size else None,
        false_rejects=false_rejects / good.size,
        false_rejects_interval=clopper_pearson(false_rejects, good.size),
        good=good.size,
        defective=defective.size,
        marked=sum(one.picture.mask is not None for one in judged),
        regions=curves.regions,
        by_defect=_by_defect(judged, good, threshold),
    )


def _scores(judged: Iterable[Judged]) -> NDArray[np.float64]:
    return np.array([one.score for one in judged], np.float64)


def _pixel_curves(judged: Sequence[Judged], cell: int) -> PixelCurves:
    """Defective pictures that nobody has marked are left out: most of their pixels are good, none knows which."""
    known = [one for one in judged if one.picture.good or one.picture.mask is not None]
    curves = PixelCurves(one.distance for one in known)
    for one in known:
        truth = one.picture.truth(one.height, one.width)
        if truth is not None:
            curves.add(enlarge(one.distance, cell, one.height, one.width), truth)
    return curves


def _by_defect(judged: Sequence[Judged], good: NDArray[np.float64], threshold: float) -> dict[str, DefectFigures]:
    kinds = dict.fromkeys(one.picture.kind for one in judged if not one.picture.good)
    result = {}
    for kind in kinds:
        scores = _scores(one for one in judged if one.picture.kind == kind)
        result[kind] = DefectFigures(scores.size, int((scores >= threshold).sum()), auroc(good, scores))
    return result
