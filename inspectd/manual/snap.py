"""`inspectd snap`: one frame as the daemon would see it, with what it would inspect and the tiles it would cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from engines.tiling import TileGrid
from inspectd.cameras.base import BadPicture, Picture
from inspectd.errors import CameraError
from inspectd.manual.opened import camera_named, opened
from inspectd.manual.pictures import to_bgr, to_png, write_file
from inspectd.models.configured import configured
from inspectd.settings import Settings
from inspectd.view.area import draw_area
from inspectd.view.view import WHOLE, framing, load_view

_COLOURS: Final = ((0, 255, 255), (255, 128, 0))
"""BGR, for tiles in turn, so that overlaps can be told apart."""


@dataclass(frozen=True)
class Snapshot:
    """What was written."""

    file: Path
    picture: Picture
    tiles: int | None
    """None where they were not asked for."""

    def __str__(self) -> str:
        height, width = self.picture.pixels.shape[:2]
        tiles = "" if self.tiles is None else f", {self.tiles} tile{'s' if self.tiles > 1 else ''}"
        return f"{self.file}: {width}×{height} px {self.picture.pixel_format}{tiles}"


def snap(settings: Settings, name: str, file: Path, *, plain: bool) -> Snapshot:
    """Take one frame of camera `name` and write it as PNG; with what is inspected and its tiles unless `plain`.

    Raises:
        SettingsError: there is no such camera, or a file that says what it looks at cannot be used.
        BundleError: the bundle, which says how large tiles are, cannot be used.
        CameraError: the camera cannot be opened or read, or the frame was not whole.
        OutputError: the file cannot be written.
    """
    camera = camera_named(settings, name)
    geometry = None if plain else configured(settings.model).bundle.manifest.tile
    view = WHOLE if plain else load_view(camera, geometry)
    with opened(camera) as open_camera:
        picture = open_camera.take()
        if picture is None:
            raise CameraError(f"{camera.source}: has no picture")
        if isinstance(picture, BadPicture):
            raise CameraError(picture.detail)
        if geometry is None:
            write_file(file, to_png(picture.pixels, picture.pixel_format))
            return Snapshot(file, picture, None)
        height, width = picture.pixels.shape[:2]
        grid = framing(view, height, width, geometry).grid
        drawn = to_bgr(picture.pixels, picture.pixel_format)
        if view.area is not None:
            draw_area(drawn, view.area.pixels(height, width))
        draw_tiles(drawn, grid)
        write_file(file, to_png(drawn, PixelFormat.BGR8))
        return Snapshot(file, picture, len(grid))


def draw_tiles(canvas: NDArray[np.uint8], grid: TileGrid) -> NDArray[np.uint8]:
    """Outline every tile of the grid on a BGR picture (H×W×3), which is changed and returned."""
    height, width = canvas.shape[:2]
    line = max(1, round(max(height, width) / 800))
    size = grid.geometry.size
    for index, (y, x) in enumerate(grid.origins):
        corner = min(x + size, width) - 1, min(y + size, height) - 1
        cv2.rectangle(canvas, (x, y), corner, _COLOURS[index % len(_COLOURS)], line)
    return canvas
