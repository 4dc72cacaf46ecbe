"""One surface, one seed: learn a share of the good pictures by each method, inspect the rest and the defective ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.border import fit_border, level
from calib.calibration import Calibration
from calib.score import top_mean
from calib.threshold import calibrate
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import tile_grid
from tools.evaluate.dataset import LabelledPicture
from tools.evaluate.evaluation import Figures, Judged, figures
from tools.fit.asked import FitOptions
from tools.fit.cache import FeatureCache
from tools.fit.extract import FeatureSet, extract
from tools.fit.methods import METHODS
from tools.fit.models import Model, tile_maps
from tools.fit.steps import Steps
from tools.fit.surface import Surface, feature_cache, prepare
from tools.method.score import border_reach
from tools.study.design import Design
from tools.study.division import Shown, divide


@dataclass(frozen=True)
class Outcome:
    """What a method reached on a surface with a seed."""

    method: str
    shipped: str
    """What it chose to ship: `cse` may ship whitened features alone."""
    seed: int
    figures: Figures
    judged: list[Judged]
    calibration: Calibration
    cell: int
    """Of its maps, px."""


def run_trial(shown: Shown, methods: Sequence[str], seed: int, design: Design, steps: Steps) -> Iterator[Outcome]:
    """Run every method on the same split, the same tiles and the same features.

    Raises:
        PictureError: a picture has become unreadable, or there are too few.
        WeightsError: the backbone's weights are nowhere.
    """
    divided = divide(shown, seed, design)
    test = divided.inspected
    if divided.aside:
        steps.console.print(
            f"  {divided.aside} good pictures show both what is learned and what is inspected: left out"
        )
    if divided.seen:
        steps.console.print(f"  [yellow]{divided.seen} good pictures are inspected that show what is learned[/yellow]")
    options = _options(methods, seed, design)
    surface = prepare(divided.learned, shown.overlaps, options, steps)
    cache = feature_cache(options, surface.loaded, surface.parts.magnify)
    frames = _Frames(
        surface,
        _features(surface, [part.read() for part in surface.parts.held_out], cache, steps),
        _features(surface, [picture.read() for picture in test], cache, steps),
    )
    for name in methods:
        with steps.step(name):
            model = METHODS[name].fit(surface.data)
            maps = frames.maps(model)
        levelled = METHODS[name].levelled
        yield _outcome(name, model, maps, test, design, levelled=levelled)
        if design.other_levelling:
            suffix = "not levelled" if levelled else "levelled"
            yield _outcome(f"{name}, {suffix}", model, maps, test, design, levelled=not levelled)


def _options(methods: Sequence[str], seed: int, design: Design) -> FitOptions:
    return FitOptions(
        good=Path(),
        out=Path(),
        cache=design.cache,
        surface="study",
        backbone=design.backbone,
        magnify=design.magnify,
        false_rejects=design.false_rejects,
        seed=seed,
        group=design.group,
        method=methods[0],
        beside=tuple(methods[1:]),
    )


@dataclass(frozen=True)
class _Pictures:
    """Pictures as tiles' features: each picture's own lie side by side."""

    sizes: list[tuple[int, int]]
    """Height and width of each, px."""
    features: FeatureSet

    def stitched(self, model: Model, geometry: TileGeometry) -> list[NDArray[np.float32]]:
        """The map of each picture, raw."""
        maps, start, stitched = tile_maps(model, self.features), 0, []
        for height, width in self.sizes:
            grid = tile_grid(height, width, geometry)
            stitched.append(grid.stitch(maps[start : start + len(grid)]))
            start += len(grid)
        return stitched


@dataclass(frozen=True)
class _Frames:
    """What is inspected."""

    surface: Surface
    held_out: _Pictures
    """Good, for border and threshold."""
    test: _Pictures

    def maps(self, model: Model) -> _Maps:
        """What a model makes of them."""
        geometry = self.surface.geometry(model)
        held_out, test = (each.stitched(model, geometry) for each in (self.held_out, self.test))
        weights = self.surface.parts.weights
        return _Maps(held_out, weights, test, self.test.sizes, geometry.cell, self.surface.data.seed)


@dataclass(frozen=True)
class _Maps:
    """Stitched maps, raw."""

    held_out: list[NDArray[np.float32]]
    weights: Sequence[float]
    """How much each that is held out counts."""
    test: list[NDArray[np.float32]]
    sizes: list[tuple[int, int]]
    """Of the test pictures: height and width, px."""
    cell: int
    seed: int


def _features(surface: Surface, pictures: Sequence[NDArray[np.uint8]], cache: FeatureCache, steps: Steps) -> _Pictures:
    tiles = np.concatenate([_tiles(pixels, surface.parts.geometry) for pixels in pictures])
    with steps.step("features of frames", len(tiles)) as advance:
        features = extract(surface.network, tiles, cache, advance)
    return _Pictures([(pixels.shape[0], pixels.shape[1]) for pixels in pictures], features)


def _tiles(pixels: NDArray[np.uint8], geometry: TileGeometry) -> NDArray[np.uint8]:
    grid = tile_grid(pixels.shape[0], pixels.shape[1], geometry)
    tiles = np.empty((len(grid), geometry.size, geometry.size, 3), np.uint8)
    grid.cut(pixels, PixelFormat.RGB8, 0, len(grid), tiles)
    return tiles


def _outcome(
    method: str, model: Model, maps: _Maps, test: Sequence[LabelledPicture], design: Design, *, levelled: bool
) -> Outcome:
    border = fit_border(maps.held_out, border_reach(model.scorer.depth)) if levelled else ()
    calibration = calibrate(
        [top_mean(level(each, border), model.top_cells) for each in maps.held_out],
        target_false_rejects=design.false_rejects,
        top_cells=model.top_cells,
        cells_per_picture=int(np.median([each.size for each in maps.held_out])),
        border=border,
        weights=maps.weights,
    )
    judged = []
    for picture, (height, width), raw in zip(test, maps.sizes, maps.test, strict=True):
        distance = level(raw, border)
        judged.append(Judged(picture, height, width, distance, top_mean(distance, model.top_cells)))
    reached = figures(judged, threshold=calibration.threshold, cell=maps.cell)
    return Outcome(method, model.method, maps.seed, reached, judged, calibration, maps.cell)
