"""Which pictures train and which are held out, and how large a tile is.

Held-out means: seen neither by training nor by the centroids. Pictures are split whole, for neighbouring tiles of one
picture are alike and would flatter the threshold. So are groups of pictures, and pictures that show the same surface,
for frames that follow each other and exposures of one part are alike too. Where there are too few pictures for that,
each is cut into blocks that do not touch, and blocks are split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calib.threshold import independent
from engines.manifest import TileGeometry
from engines.tiling import TileGrid, tile_grid
from tools.backbones.base import Backbone
from tools.errors import PictureError
from tools.fit.apart import Units, set_apart
from tools.fit.overlaps import Overlaps
from tools.fit.pictures import PictureFile

HELD_OUT = 0.25
"""Share of the parts that is held out."""
FEW_PICTURES = 8
"""Below this, pictures are cut into blocks."""
FEWEST_BLOCKS = 4
LARGEST_TILE = 256
SMALLEST_TILE = 64
LARGEST_MAGNIFIED = 128
"""Pictures whose tile is no larger are shown to the network at twice their size: on 128 px, cells of 8 px are too
coarse to say where a speck is, and a tile of 256 px is what others cost anyway."""
DEFAULT_OVERLAP = 32


@dataclass(frozen=True)
class Part:
    """A picture, or a block of one, that is trained on or held out as a whole. All lengths in px."""

    picture: PictureFile
    y: int
    x: int
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """H×W×3 RGB."""
        block = self.picture.read()[self.y : self.y + self.height, self.x : self.x + self.width]
        return np.ascontiguousarray(block)

    def grid(self, geometry: TileGeometry) -> TileGrid:
        """Its tiles, as the daemon cuts them: none where nothing is inspected.

        Raises:
            PictureError: nothing of it is inspected.
        """
        grid = tile_grid(self.height, self.width, geometry)
        inspected = self.picture.inspected_cells(geometry.cell)
        # Only pictures that were picked out have an area, and they are never cut into blocks.
        return grid if inspected is None else grid.restricted_to(inspected)


@dataclass(frozen=True)
class Split:
    """The parts of all good pictures."""

    train: list[Part]
    held_out: list[Part]
    by: Literal["pictures", "blocks"]
    """What a part is."""
    geometry: TileGeometry
    """With the finest cell that the backbone has."""
    magnify: int
    """How many times larger, each way, the network sees a tile."""
    weights: Sequence[float]
    """How much each that is held out counts for the threshold: less than 1 where several show the same."""
    units: Units = "groups"
    """What was learned or held out whole."""
    groups: tuple[int, int] | None = None
    """How many of them were learned from and how many held out; None where every part stands alone."""
    aside: int = 0
    """How many parts are neither, for they show some of either."""
    seen: int = 0
    """How many are held out although they show surface that is learned as well: nothing else was to be had."""
    one_print: bool = False
    """Whether that is so because all pictures lie over each other whole, as parts with one print do. They are taken for
    different parts."""

    @property
    def independent(self) -> int:
        """As how many pictures those that are held out count."""
        return independent(self.weights)


def split(
    pictures: Sequence[PictureFile],
    backbone: Backbone,
    overlaps: Overlaps,
    *,
    tile: int | Literal["auto"],
    overlap: int,
    seed: int,
    magnify: int | Literal["auto"] = "auto",
) -> Split:
    """Choose the tile and split the pictures, or their blocks, at random. Pictures of one group stay together, unless
    they are all there is and so few that they are cut into blocks; so do pictures that overlap. Those that were picked
    out are all learned from, as are others that show the same, and decide nothing else.

    Raises:
        PictureError: too little surface, or a single group, so that nothing can be held out; the message says what is
            needed.
    """
    picked = sorted((picture for picture in pictures if picture.picked), key=lambda picture: picture.sha256)
    pictures = [picture for picture in pictures if not picture.picked]
    shown = {path for picture in picked for path in overlaps.shown_by.get(picture.path, ())}
    apart_from_picked = [picture for picture in pictures if picture.path not in shown]
    if len(apart_from_picked) >= max(FEW_PICTURES, len(pictures) / 2):
        picked += [picture for picture in pictures if picture.path in shown]
        pictures = apart_from_picked
    alignment = backbone.taps[-1].stride
    blocks_needed = len(pictures) < FEW_PICTURES
    size = tile if tile != "auto" else _auto_tile(pictures, alignment, by_blocks=blocks_needed)
    if tile == "auto":
        overlap = min(overlap, size // 2)
    if magnify == "auto":
        magnify = 2 if tile == "auto" and size <= LARGEST_MAGNIFIED else 1
    geometry = TileGeometry(
        size=size,
        overlap=overlap,
        cell=backbone.taps[0].stride // magnify,
        alignment=alignment // magnify,
    )
    parts = [part for picture in pictures for part in (_blocks(picture, size) if blocks_needed else [_whole(picture)])]
    if blocks_needed and len(parts) < FEWEST_BLOCKS:
        raise PictureError(_too_little(pictures, size, len(parts)))
    # Ordered by content, so that renaming the files does not change the model.
    parts.sort(key=lambda part: (part.picture.sha256, part.y, part.x))
    grouped = _can_group(pictures, by_blocks=blocks_needed)
    groups = [part.picture.group if grouped and part.picture.group else index for index, part in enumerate(parts)]
    wanted = max(1, round(HELD_OUT * len(parts)))
    # Blocks of one picture do not touch, so only those of different pictures may show the same.
    shown_by = overlaps.places([part.picture.path for part in parts])
    apart = set_apart(groups, shown_by, wanted, np.random.default_rng([seed, 1]))
    alone = not grouped and sum(apart.counts) == len(parts)
    return Split(
        [parts[index] for index in apart.learned] + [_whole(picture) for picture in picked],
        [parts[index] for index in apart.held_out],
        "blocks" if blocks_needed else "pictures",
        geometry,
        magnify,
        apart.weights,
        apart.units,
        None if alone else apart.counts,
        len(apart.aside),
        apart.seen,
        apart.seen > 0 and overlaps.whole,
    )


def _auto_tile(pictures: Sequence[PictureFile], alignment: int, *, by_blocks: bool) -> int:
    """The largest tile that the median picture holds and, by blocks, that still gives enough of them."""
    # Smaller pictures are continued by reflection, which costs less than the context lost by a smaller tile for all.
    side = int(np.median([min(picture.height, picture.width) for picture in pictures]))
    for size in range(min(LARGEST_TILE, side // alignment * alignment), SMALLEST_TILE, -alignment):
        if not by_blocks or sum(len(_blocks(picture, size)) for picture in pictures) >= FEW_PICTURES:
            return size
    return SMALLEST_TILE


def _whole(picture: PictureFile) -> Part:
    return Part(picture, 0, 0, picture.height, picture.width)


def _blocks(picture: PictureFile, tile: int) -> list[Part]:
    """As many blocks of at least a tile as fit, each way; what divides unevenly is left between them."""
    rows, columns = max(1, picture.height // tile), max(1, picture.width // tile)
    height, width = picture.height // rows, picture.width // columns
    return [
        Part(picture, row * height, column * width, height, width) for row in range(rows) for column in range(columns)
    ]


def _can_group(pictures: Sequence[PictureFile], *, by_blocks: bool) -> bool:
    """Whether groups are to be kept whole.

    Raises:
        PictureError: there is but one group, and pictures are split whole.
    """
    named = {picture.group for picture in pictures}
    if named != {""} and len(named) == 1 and not by_blocks:
        raise PictureError(
            f"all {len(pictures)} good pictures are of one group, {named.pop()!r}; at least 2 are needed, one to learn "
            "from and one to hold out for the threshold. Give a --group that tells parts from each other, add pictures "
            "of another part, or leave --group out if the pictures are independent"
        )
    return len(named) > 1


def _too_little(pictures: Sequence[PictureFile], tile: int, blocks: int) -> str:
    sizes = ", ".join(f"{picture.width}×{picture.height}" for picture in pictures)
    return (
        f"{len(pictures)} good picture{'s' if len(pictures) > 1 else ''} ({sizes} px) give {blocks} "
        f"block{'s' if blocks != 1 else ''} of {tile} px; at least {FEWEST_BLOCKS} are needed, so that some can be "
        f"held out for the threshold. Give {FEW_PICTURES} pictures or more, or larger ones "
        f"(one of {2 * SMALLEST_TILE}×{2 * SMALLEST_TILE} px is the least)"
    )
