"""Which pictures train and which are held out, and how large a tile is.

Held-out means: seen neither by training nor by the centroids. Pictures are split whole, for neighbouring tiles of one
picture are alike and would flatter the threshold. Where there are too few pictures for that, each is cut into blocks
that do not touch, and blocks are split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.manifest import TileGeometry
from tools.backbones.base import Backbone
from tools.errors import PictureError
from tools.fit.pictures import PictureFile

HELD_OUT = 0.25
"""Share of the parts that is held out."""
FEW_PICTURES = 8
"""Below this, pictures are cut into blocks."""
FEWEST_BLOCKS = 4
LARGEST_TILE = 256
SMALLEST_TILE = 64
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


@dataclass(frozen=True)
class Split:
    """The parts of all good pictures."""

    train: list[Part]
    held_out: list[Part]
    by: Literal["pictures", "blocks"]
    geometry: TileGeometry


def split(
    pictures: Sequence[PictureFile],
    backbone: Backbone,
    *,
    tile: int | Literal["auto"],
    overlap: int,
    seed: int,
) -> Split:
    """Choose the tile and split the pictures, or their blocks, at random.

    Raises:
        PictureError: too little surface to hold some of it out; the message says how much is needed.
    """
    alignment = backbone.taps[1].stride
    blocks_needed = len(pictures) < FEW_PICTURES
    size = tile if tile != "auto" else _auto_tile(pictures, alignment, by_blocks=blocks_needed)
    if tile == "auto":
        overlap = min(overlap, size // 2)
    geometry = TileGeometry(
        size=size,
        overlap=overlap,
        cell=backbone.taps[0].stride,
        alignment=alignment,
    )
    parts = [part for picture in pictures for part in (_blocks(picture, size) if blocks_needed else [_whole(picture)])]
    if blocks_needed and len(parts) < FEWEST_BLOCKS:
        raise PictureError(_too_little(pictures, size, len(parts)))
    train, held_out = _held_out(parts, seed)
    return Split(train, held_out, "blocks" if blocks_needed else "pictures", geometry)


def _auto_tile(pictures: Sequence[PictureFile], alignment: int, *, by_blocks: bool) -> int:
    """The largest tile that nearly every picture holds and, by blocks, that still gives enough of them."""
    shorter = np.sort([min(picture.height, picture.width) for picture in pictures])
    side = int(shorter[len(shorter) // 10])
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


def _held_out(parts: Sequence[Part], seed: int) -> tuple[list[Part], list[Part]]:
    # Ordered by content, so that renaming the files does not change the model.
    ordered = sorted(parts, key=lambda part: (part.picture.sha256, part.y, part.x))
    order = np.random.default_rng([seed, 1]).permutation(len(ordered))
    count = max(1, round(HELD_OUT * len(ordered)))
    held_out, train = sorted(order[:count]), sorted(order[count:])
    return [ordered[index] for index in train], [ordered[index] for index in held_out]


def _too_little(pictures: Sequence[PictureFile], tile: int, blocks: int) -> str:
    sizes = ", ".join(f"{picture.width}×{picture.height}" for picture in pictures)
    return (
        f"{len(pictures)} good picture{'s' if len(pictures) > 1 else ''} ({sizes} px) give {blocks} "
        f"block{'s' if blocks != 1 else ''} of {tile} px; at least {FEWEST_BLOCKS} are needed, so that some can be "
        f"held out for the threshold. Give {FEW_PICTURES} pictures or more, or larger ones "
        f"(one of {2 * SMALLEST_TILE}×{2 * SMALLEST_TILE} px is the least)"
    )
