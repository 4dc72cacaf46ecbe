"""The user's own surface instead of the web: two thirds of the good pictures are learned, the rest is inspected."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.demo.scene import Scene
from tools.errors import PictureError
from tools.evaluate.dataset import GOOD, LabelledPicture, find_pictures

if TYPE_CHECKING:
    from tools.fit.apart import Apart

LEARNED = 2 / 3
FEWEST = 6
"""Good pictures without which there is too little to learn, to calibrate and to inspect."""


@dataclass(frozen=True)
class Split:
    """The user's pictures, each in one place."""

    learned: Path
    """Folder of the good pictures that training sees."""
    scene: Scene
    """All others, mixed; without good ones that show both what is learned and what is inspected."""
    seen: int
    """How many good ones are inspected although they show what is learned."""


def split_folder(folder: Path, workspace: Path, seed: int) -> Split:
    """Sort a folder's pictures into those to learn and those to inspect; the folder stays as it is.

    `folder` holds pictures, all good; or `good/`, a folder for each kind of defect, and perhaps `ground_truth/`.

    Raises:
        PictureError: it is not there, or holds too few.
    """
    labelled = (folder / GOOD).is_dir() or (folder / "test" / GOOD).is_dir()
    pictures = find_pictures(folder) if labelled else find_pictures(folder, good=folder)
    good = [picture for picture in pictures if picture.good]
    if len(good) < FEWEST:
        raise PictureError(
            f"--surface {folder}: {len(good)} good pictures; at least {FEWEST} are needed, and 30 are a good beginning"
        )
    rng = np.random.default_rng(seed)
    apart = _apart(good, rng)
    learned = workspace / "learned"
    learned.mkdir(parents=True)
    for index in apart.learned:
        (learned / good[index].path.name).symlink_to(good[index].path.resolve())
    rest = [good[index] for index in apart.held_out] + [picture for picture in pictures if not picture.good]
    scene = _lay_out([rest[index] for index in rng.permutation(len(rest))], workspace / "frames")
    return Split(learned, scene, apart.seen)


def _apart(good: Sequence[LabelledPicture], rng: np.random.Generator) -> Apart:
    # A surface of one's own wants the training extra, the demonstration's own does not.
    from tools.fit.apart import set_apart  # noqa: PLC0415
    from tools.fit.overlaps import find_overlaps  # noqa: PLC0415
    from tools.fit.pictures import read_good  # noqa: PLC0415

    files = [picture.path for picture in good]
    overlaps = find_overlaps(read_good(files, files[0].parent, skip=False))
    return set_apart(files, overlaps.places(files), len(good) - round(len(good) * LEARNED), rng)


def _lay_out(pictures: Sequence[LabelledPicture], frames: Path) -> Scene:
    """One folder in the order in which they pass under the camera; the names give nothing away."""
    frames.mkdir()
    truth = {}
    for index, picture in enumerate(pictures, start=1):
        file = frames / f"{index:04d}{picture.path.suffix.lower()}"
        shutil.copyfile(picture.path, file)
        truth[file.name] = LabelledPicture(file, picture.kind, picture.mask)
    return Scene(frames, truth)
