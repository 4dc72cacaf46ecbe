"""`inspectd-train build --runtime onnx --precision int8`.

Half of the good pictures calibrate, in turn with those that are held out. Tiles of them are learned from as they are
and with a defect drawn on each: a range that good alone has shown would cut off what makes a defect stand out. The
other half judges INT8, with real defective pictures where there are any, or else with defects drawn on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from engines.builds import BuildCache, BuiltEngine
from engines.bundle import Bundle
from engines.errors import BuildError
from engines.onnx_int8 import GOLDEN, golden_report, int8_fingerprint
from engines.pixels import PixelFormat
from engines.precision.int8 import to_int8
from engines.precision.safety import Agreement, GraphRun
from engines.tiling import tile_grid
from tools.build.gate import Gate
from tools.build.options import BuildOptions
from tools.build.pictures import pictures_below, score
from tools.errors import PictureError
from tools.method.defects import draw
from tools.pictures import read_rgb

FEWEST_PICTURES = 8
CALIBRATION_TILES = 32
"""Good ones; as many again are spoilt."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Int8Outcome:
    """What the command made."""

    built: BuiltEngine
    gate: Gate | None
    """None where it was built already."""


def build_int8(console: Console, bundle: Bundle, options: BuildOptions, defective: Path | None) -> Int8Outcome:
    """Build a bundle's INT8 graph and keep it in the cache, if it judges as float32 does.

    Raises:
        BuildError: no pictures were named, INT8 does not know this backbone or does not judge as float32 does, or the
            cache cannot be written.
        PictureError: too few pictures, or one cannot be used.
    """
    fingerprint, cache = int8_fingerprint(bundle), BuildCache(options.cache)
    if not options.again and fingerprint in cache.list(bundle.id):
        return Int8Outcome(cache.open(fingerprint), None)
    if options.images is None:
        raise BuildError("--precision int8 learns ranges from pictures: name a folder of good ones with --images")
    began = time.monotonic()
    calibration, held_out = _halves(pictures_below(options.images, options.at_most))
    rng = np.random.default_rng(0)
    tiles = _calibration_tiles(bundle, calibration, rng)
    with _progress(console, "calibrating") as (progress, task):
        model = to_int8(
            bundle.model,
            tiles,
            bundle.centroids,
            threads=options.threads,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    int8 = GraphRun(model, bundle.centroids, threads=options.threads)
    full = GraphRun(bundle.model, bundle.centroids, threads=options.threads)
    bad = pictures_below(defective, None) if defective else None
    runs = 2 * (len(held_out) + len(held_out if bad is None else bad))
    with _progress(console, "judging twice", runs) as (progress, task):
        gate = _Judge(bundle, full, int8, partial(progress.advance, task))(held_out, bad, rng)
    if not gate:
        raise BuildError(f"bundle {bundle.path.name}: int8 does not judge as float32 does: {gate}; run it in float32")
    report = {
        "seconds": round(time.monotonic() - began, 3),
        "bytes": len(model),
        "calibration": {"pictures": len(calibration), "tiles": len(tiles)},
        "gate": gate.as_json(),
        GOLDEN: golden_report(int8(bundle.golden.tiles)),
    }
    return Int8Outcome(cache.write(fingerprint, model, report), gate)


def _halves(pictures: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    if len(pictures) < FEWEST_PICTURES:
        raise PictureError(
            f"--images: {len(pictures)} pictures; int8 wants {FEWEST_PICTURES} or more: half calibrate, half judge"
        )
    return pictures[::2], pictures[1::2]


def _calibration_tiles(bundle: Bundle, pictures: Sequence[Path], rng: np.random.Generator) -> Pixels:
    """Tiles of as many pictures as there are, evenly spread; each good, then spoilt: N×T×T×3."""
    count = min(len(pictures), CALIBRATION_TILES)
    chosen = [pictures[index] for index in np.linspace(0, len(pictures) - 1, count).round().astype(int)]
    each = -(-CALIBRATION_TILES // count)
    good = [tile for picture in chosen for tile in _tiles(bundle, read_rgb(picture), each, rng)][:CALIBRATION_TILES]
    return np.stack([*good, *(draw(rng, tile, []).pixels for tile in good)])


def _tiles(bundle: Bundle, pixels: Pixels, at_most: int, rng: np.random.Generator) -> Iterator[Pixels]:
    grid = tile_grid(pixels.shape[0], pixels.shape[1], bundle.manifest.tile)
    size = grid.geometry.size
    for index in rng.permutation(len(grid))[:at_most]:
        tile = np.empty((1, size, size, 3), np.uint8)
        grid.cut(pixels, PixelFormat.RGB8, int(index), int(index) + 1, tile)
        yield tile[0]


@dataclass(frozen=True)
class _Judge:
    """Scores pictures in both precisions."""

    bundle: Bundle
    full: GraphRun
    int8: GraphRun
    advance: Callable[[], None]

    def __call__(self, good: Sequence[Path], defective: Sequence[Path] | None, rng: np.random.Generator) -> Gate:
        """Without `defective` pictures, defects are drawn on the good ones."""
        spoilt = (draw(rng, read_rgb(file), []).pixels for file in good)
        bad = spoilt if defective is None else map(read_rgb, defective)
        return Gate(self._agreement(map(read_rgb, good)), self._agreement(bad), drawn=defective is None)

    def _agreement(self, pictures: Iterable[Pixels]) -> Agreement:
        scores = [[self._score(run, pixels) for run in (self.full, self.int8)] for pixels in pictures]
        table = np.asarray(scores, np.float32)
        return Agreement(self.bundle.calibration.threshold, table[:, 0], table[:, 1])

    def _score(self, run: GraphRun, pixels: Pixels) -> float:
        self.advance()
        return score(self.bundle, run, pixels)


@contextmanager
def _progress(console: Console, what: str, total: int | None = None) -> Iterator[tuple[Progress, TaskID]]:
    columns: tuple[Any, ...] = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        yield progress, progress.add_task("", total=total)
