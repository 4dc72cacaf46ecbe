"""Which pictures of a surface a trial learns, and which it inspects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.errors import PictureError
from tools.evaluate.dataset import LabelledPicture
from tools.fit.apart import set_apart
from tools.fit.overlaps import Overlaps
from tools.fit.pictures import PictureFile, read_good
from tools.fit.steps import Steps
from tools.fit.surface import overlapping
from tools.study.design import Design, Half


@dataclass(frozen=True)
class Shown:
    """A surface's pictures, which all its trials share."""

    pictures: Sequence[LabelledPicture]
    good: Sequence[PictureFile]
    """The good ones of them."""
    overlaps: Overlaps
    """Which of these show the same."""


def look(pictures: Sequence[LabelledPicture], design: Design, steps: Steps) -> Shown:
    """Read the good pictures, and find which show the same surface.

    Raises:
        PictureError: a picture cannot be used.
    """
    good = [picture.path for picture in pictures if picture.good]
    pattern = re.compile(design.group) if design.group else None
    read = read_good(good, good[0].parent, skip=False, group=pattern)
    return Shown(pictures, read, Overlaps() if design.mixed else overlapping(read, steps))


@dataclass(frozen=True)
class Divided:
    """A surface's pictures in a trial."""

    learned: list[PictureFile]
    inspected: list[LabelledPicture]
    """Good ones that show nothing of what is learned, and defective ones."""
    seen: int
    """How many good ones are inspected although they show what is learned: nothing else was to be had."""
    aside: int
    """How many good ones are left out, for they show some of either."""


def divide(shown: Shown, seed: int, design: Design) -> Divided:
    """Good pictures to learn from, whole groups and pieces of surface, and all others to inspect.

    Raises:
        PictureError: fewer than two groups of good pictures, or none of them left to learn or to inspect.
    """
    good = shown.good
    groups = [picture.group or picture.path.name for picture in good]
    if len(set(groups)) < 2:
        raise PictureError(f"{good[0].path.parent}: one group of good pictures; some are learned, others inspected")
    inspected = len(good) - round(design.train_share * len(good))
    if not 0 < inspected < len(good):
        purpose = "learn" if inspected else "inspect"
        raise PictureError(f"--train {design.train_share:.3g}: leaves no good picture to {purpose}")
    shown_by = shown.overlaps.places([picture.path for picture in good])
    apart = set_apart(groups, shown_by, inspected, np.random.default_rng([seed, 10]))
    labelled = {picture.path: picture for picture in shown.pictures}
    return Divided(
        [good[index] for index in apart.learned],
        [labelled[good[index].path] for index in apart.held_out] + _defective(shown.pictures, design.half),
        apart.seen,
        len(apart.aside),
    )


def _defective(pictures: Sequence[LabelledPicture], half: Half) -> list[LabelledPicture]:
    kinds: dict[str, list[LabelledPicture]] = {}
    for picture in pictures:
        if not picture.good:
            kinds.setdefault(picture.kind, []).append(picture)
    chosen = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[half]
    return [picture for of_kind in kinds.values() for picture in of_kind[chosen]]
