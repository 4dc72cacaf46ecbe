"""Pictures judged in two precisions, the daemon's way: cut into tiles, run, stitched, levelled, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from engines.precision.safety import Agreement, GraphRun
from engines.tiling import tile_grid
from tools.errors import PictureError
from tools.evaluate.dataset import GROUND_TRUTH
from tools.inspection import result_of
from tools.pictures import SUFFIXES, natural_key, read_rgb


def pictures_below(folder: Path, at_most: int | None) -> list[Path]:
    """The pictures at any depth of a folder but in `ground_truth`, in natural order; `at_most` so many, evenly spread.

    Raises:
        PictureError: there is no such folder, or no picture in it.
    """
    found = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and GROUND_TRUTH not in file.relative_to(folder).parts
    ]
    if not found:
        raise PictureError(f"--images {folder}: no pictures there ({', '.join(sorted(SUFFIXES))})")
    found.sort(key=lambda file: natural_key(str(file)))
    count = min(len(found), at_most or len(found))
    return [found[index] for index in np.linspace(0, len(found) - 1, count).round().astype(int)]


def judge_twice(
    bundle: Bundle, full: GraphRun, half: GraphRun, pictures: Sequence[Path], progress: Callable[[], None]
) -> Agreement:
    """Score every picture with both graphs.

    Raises:
        PictureError: a picture cannot be read.
    """
    scores = []
    for picture in pictures:
        pixels = read_rgb(picture)
        scores.append([score(bundle, run, pixels) for run in (full, half)])
        progress()
    table = np.asarray(scores, np.float32)
    return Agreement(bundle.calibration.threshold, table[:, 0], table[:, 1])


def score(bundle: Bundle, run: GraphRun, pixels: NDArray[np.uint8]) -> float:
    """A picture's score (H×W×3 RGB), the daemon's way."""
    grid = tile_grid(pixels.shape[0], pixels.shape[1], bundle.manifest.tile)
    tiles = np.empty((len(grid), grid.geometry.size, grid.geometry.size, 3), np.uint8)
    grid.cut(pixels, PixelFormat.RGB8, 0, len(grid), tiles)
    return result_of(grid.stitch(run(tiles).distance), bundle.calibration).score
