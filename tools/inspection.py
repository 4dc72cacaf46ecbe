"""One picture through a bundle, the daemon's way: cut into tiles, run in batches, stitched, levelled, scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.border import level
from calib.calibration import Calibration
from calib.score import top_mean
from engines.base import Engine
from engines.cuts import Cut, TiledFrame
from engines.manifest import TileGeometry
from engines.pixels import PixelFormat
from engines.tiling import tile_grid

TIMEOUT_S = 60.0
"""For one batch; far beyond what any takes."""


@dataclass(frozen=True)
class PictureResult:
    """What a bundle says of a picture."""

    distance: NDArray[np.float32]
    """rows×columns, the stitched map, levelled at the frame's edge; one value a cell."""
    score: float


def inspect(
    engine: Engine, geometry: TileGeometry, calibration: Calibration, pixels: NDArray[np.uint8]
) -> PictureResult:
    """Inspect a picture (H×W×3 RGB, any size) with an active engine.

    Raises:
        EngineError: the engine failed.
        TileError: the picture has no pixels.
    """
    return result_of(frame_map(engine, geometry, pixels), calibration)


def result_of(stitched: NDArray[np.float32], calibration: Calibration) -> PictureResult:
    """What a picture's stitched map (rows×columns, raw) comes to."""
    distance = level(stitched, calibration.border)
    return PictureResult(distance, top_mean(distance, calibration.top_cells))


def frame_map(engine: Engine, geometry: TileGeometry, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The stitched map of a picture, rows×columns, raw: not levelled at the frame's edge, as calibration needs it.

    Arguments and errors as of `inspect`.
    """
    frame = TiledFrame(pixels, PixelFormat.RGB8, tile_grid(pixels.shape[0], pixels.shape[1], geometry))
    starts = range(0, len(frame.grid), engine.max_batch)
    cuts = [Cut(frame, start, min(engine.max_batch, len(frame.grid) - start)) for start in starts]
    maps = [engine.collect(engine.submit([cut]), TIMEOUT_S).distance for cut in cuts]
    return frame.grid.stitch(np.concatenate(maps))
