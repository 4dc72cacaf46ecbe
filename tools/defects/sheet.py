"""A contact sheet of synthetic defects: for each kind a row of examples, plain and with their masks outlined."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tools.errors import PictureError
from tools.method.defects import KINDS, SMALLEST, SyntheticDefect, draw
from tools.pictures import SUFFIXES, list_pictures, read_rgb
from tools.report.drawing import TRUTH, Picture, fitted, outlined

MOST_PICTURES = 24
"""Pictures that a sheet draws on; of more, so many are chosen at random."""
DONORS = 8
"""Other good tiles that a defect may take patches from, as in training."""
PANEL = 224
"""Least side of a view of an example, px; each example has two, plain and outlined."""
CAPTION = 26
"""Height of a row's caption, px."""
GAP = 2
"""Between the two views of an example, px."""
MARGIN = 10
PAPER, INK = 24, (225, 225, 225)


@dataclass(frozen=True)
class Row:
    """Examples of one kind; fewer than asked for where the kind cannot be seen on the pictures."""

    kind: str
    examples: list[SyntheticDefect]


def cut_good(folder: Path, size: int, rng: np.random.Generator) -> list[Picture]:
    """A tile of each of at most `MOST_PICTURES` good pictures, cut where `rng` says.

    Args:
        folder: of pictures, or with good pictures in good/.
        size: side of a tile, px; smaller pictures give smaller tiles.
        rng: decides pictures and places.

    Raises:
        PictureError: there are none, or one of those chosen cannot be read or is too small.
    """
    chosen = folder / "good" if (folder / "good").is_dir() else folder
    files = list_pictures(chosen)
    if not files:
        raise PictureError(f"{chosen}: no picture in this folder; pictures end with {', '.join(sorted(SUFFIXES))}")
    order = rng.permutation(len(files))[:MOST_PICTURES]
    return [_cut(files[index], size, rng) for index in order]


def _cut(file: Path, size: int, rng: np.random.Generator) -> Picture:
    pixels = read_rgb(file)
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise PictureError(f"{file}: is {width}×{height} px; each side must have {SMALLEST} at least")
    top, left = (int(rng.integers(max(0, side - size) + 1)) for side in (height, width))
    return pixels[top : top + size, left : left + size].copy()


def draw_rows(
    tiles: Sequence[Picture], kinds: Sequence[str], count: int, seed: int, progress: Callable[[], None] = lambda: None
) -> list[Row]:
    """Draw `count` defects of each kind; a kind's examples do not depend on which other kinds are drawn."""
    rows = []
    for kind in kinds:
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        drawn = (_example(tiles, kind, rng) for _ in range(count))
        rows.append(Row(kind, [example for example in drawn if example]))
        progress()
    return rows


def _example(tiles: Sequence[Picture], kind: str, rng: np.random.Generator) -> SyntheticDefect | None:
    """A defect of this kind on one of the tiles, or None where it was seen on none of the first few."""
    for index in rng.permutation(len(tiles))[:DONORS]:
        donors = [tiles[other] for other in rng.permutation(len(tiles))[:DONORS] if other != index]
        defect = draw(rng, tiles[index], donors, kind)
        if defect.kind == kind:
            return defect
    return None


def make_sheet(rows: Sequence[Row], count: int) -> Picture:
    """The rows below one another, `count` examples wide; H×W×3 RGB."""
    sides = [max(example.pixels.shape[:2]) for row in rows for example in row.examples]
    panel = max([PANEL, *sides])
    return np.vstack([_row(row, count, panel) for row in rows])


def _row(row: Row, count: int, panel: int) -> Picture:
    width = MARGIN + count * (2 * panel + GAP + MARGIN)
    drawn = np.full((CAPTION + panel + MARGIN, width, 3), PAPER, np.uint8)
    cv2.putText(drawn, _caption(row, count), (MARGIN, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, INK, 1, cv2.LINE_AA)
    for index, example in enumerate(row.examples):
        around = cv2.dilate(example.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # leaves thin ones in view
        for view, pixels in enumerate((example.pixels, outlined(example.pixels, around, TRUTH))):
            left = MARGIN + index * (2 * panel + GAP + MARGIN) + view * (panel + GAP)
            drawn[CAPTION : CAPTION + panel, left : left + panel] = fitted(pixels, panel, panel, PAPER)
    return drawn


def _caption(row: Row, count: int) -> str:
    says = (KINDS[row.kind].__doc__ or "").strip().partition("\n")[0]
    text = f"{row.kind}   {says}".replace("×", "x").encode("ascii", "replace").decode()  # the font has no more
    missing = count - len(row.examples)
    return f"{text}   ({missing} of {count} could not be seen here)" if missing else text
