"""The view of a camera: what its settings say of what is inspected and how large it is, ready for frames of a size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.errors import TileError
from engines.manifest import TileGeometry
from engines.tiling import TileGrid, tile_grid
from inspectd.errors import ViewError
from inspectd.settings import CameraSettings
from inspectd.view.area import Area, cells_inside, make_area
from inspectd.view.flat_field import read_flat_field
from inspectd.view.measuring import Measuring
from inspectd.view.plane import Plane, read_plane

Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class View:
    """What is looked at."""

    area: Area | None = None
    """None: the whole frame."""
    plane: Plane | None = None
    """None: there is no scale, or one for the whole frame."""
    corrected: tuple[int, int] | None = None
    """Height and width of the frames that the flat field is for, px."""


WHOLE = View()
"""All of the frame."""


@dataclass(frozen=True, eq=False)
class Framing:
    """A view of frames of one size, cut by one geometry."""

    grid: TileGrid
    """Only tiles with something in them that is inspected."""
    inspected: NDArray[np.bool_] | None
    """Which cells of the frame's map count (rows×columns); None for all."""
    measuring: Measuring | None
    """None where there is no plane."""


@lru_cache(maxsize=64)
def framing(view: View, height: int, width: int, geometry: TileGeometry) -> Framing:
    """What a view makes of frames of this size, px. Cached, since a camera's frames are all of one size.

    Raises:
        ViewError: it does not fit such frames.
    """
    if view.plane is not None and view.plane.size != (height, width):
        raise ViewError(
            f"the scale was measured on frames of {view.plane.size[1]}×{view.plane.size[0]} px, this one has "
            f"{width}×{height} px; run 'inspectd calibrate' anew"
        )
    if view.corrected is not None and view.corrected != (height, width):
        raise ViewError(
            f"the flat field is for frames of {view.corrected[1]}×{view.corrected[0]} px, this one has "
            f"{width}×{height} px; run 'inspectd flat-field' anew"
        )
    grid = tile_grid(height, width, geometry)
    inspected = None if view.area is None else cells_inside(view.area.pixels(height, width), geometry.cell)
    if inspected is not None:
        try:
            grid = grid.restricted_to(inspected)
        except TileError as error:
            raise ViewError(f"roi and mask leave nothing of the frame, {width}×{height} px, to inspect") from error
    return Framing(grid, inspected, None if view.plane is None else Measuring.of(view.plane, geometry.cell))


def load_view(camera: CameraSettings, geometry: TileGeometry | None = None) -> View:
    """Read the files that a camera's settings name, and see whether they fit each other and frames of their size.

    `geometry` is the bundle's; without it, it is not seen whether any cell is left to inspect.

    Raises:
        ViewError: all that is wrong, a line each, which begins with the key.
    """
    problems: list[str] = []
    area = _attempt(lambda: make_area(camera.roi, camera.mask), f"mask = '{camera.mask}'", problems)
    plane = _read(read_plane, "scale", camera.scale, problems)
    flat = _read(read_flat_field, "flat_field", camera.flat_field, problems)
    view = View(area, plane, flat.size if flat else None)
    sizes = _sizes(view)
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{key}: {width}×{height} px" for key, (height, width) in sizes.items())
        problems.append(f"{', '.join(sizes)}: they are for frames of different sizes ({told})")
    if problems:
        raise ViewError("\n".join(problems))
    if geometry is not None:
        check_view(view, geometry)
    return view


def check_view(view: View, geometry: TileGeometry) -> None:
    """See whether anything is left to inspect, and have the framing ready for the first frame where its size is known.

    Where only polygons are known, a frame that ends with them is tried: in none do they fill more of a cell.

    Raises:
        ViewError: nothing is left, in a line that begins with the keys.
    """
    size = next(iter(_sizes(view).values()), None)
    if size is None and view.area is not None:
        size = view.area.reach
    if size is None:
        return
    try:
        framing(view, max(1, size[0]), max(1, size[1]), geometry)
    except ViewError as error:
        raise ViewError(f"roi, mask: {error}") from error


def _read(read: Callable[[Path], Part], key: str, file: Path | None, problems: list[str]) -> Part | None:
    return None if file is None else _attempt(lambda: read(file), f"{key} = '{file}'", problems)


def _attempt(make: Callable[[], Part], key: str, problems: list[str]) -> Part | None:
    try:
        return make()
    except ViewError as error:
        problems.append(f"{key}: {error}")
        return None


def _sizes(view: View) -> dict[str, tuple[int, int]]:
    """Height and width of the frames that a view is for, px, by the key that says so."""
    mask = view.area.size if view.area else None
    scale = view.plane.size if view.plane else None
    sizes = {"mask": mask, "scale": scale, "flat_field": view.corrected}
    return {key: size for key, size in sizes.items() if size is not None}
