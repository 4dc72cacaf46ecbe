"""Tile size, and what is held out."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.backbones.lite0 import Lite0  # noqa: E402 - needs torch
from tools.errors import PictureError  # noqa: E402
from tools.fit.pictures import PictureFile  # noqa: E402
from tools.fit.splits import Part, Split, split  # noqa: E402


def pictures(count: int, height: int, width: int) -> list[PictureFile]:
    return [PictureFile(Path(f"{index}.png"), f"{index:064d}", height, width) for index in range(count)]


def split_auto(given: list[PictureFile], seed: int = 0) -> Split:
    return split(given, Lite0(), tile="auto", overlap=32, seed=seed)


def touch(a: Part, b: Part) -> bool:
    return (
        a.picture == b.picture
        and a.y < b.y + b.height
        and b.y < a.y + a.height
        and a.x < b.x + b.width
        and b.x < a.x + a.width
    )


def test_no_picture_is_both_learned_and_held_out() -> None:
    found = split_auto(pictures(40, 128, 128))
    learned, held_out = ({part.picture.sha256 for part in parts} for parts in (found.train, found.held_out))
    assert found.by == "pictures"
    assert (len(learned), len(held_out)) == (30, 10)
    assert not learned & held_out


def test_few_pictures_are_cut_into_blocks_that_do_not_overlap() -> None:
    found = split_auto(pictures(1, 512, 512))
    parts = found.train + found.held_out
    assert found.by == "blocks"
    assert found.held_out
    assert not any(touch(a, b) for index, a in enumerate(parts) for b in parts[index + 1 :])
    assert all(min(part.height, part.width) >= found.geometry.size for part in parts)


def test_a_single_small_picture_is_refused_with_what_is_needed() -> None:
    with pytest.raises(PictureError, match=r"1 good picture \(100×100 px\).*128×128"):
        split_auto(pictures(1, 100, 100))


@pytest.mark.parametrize(("side", "tile"), [(1000, 256), (256, 256), (130, 128), (40, 64)])
def test_the_tile_fits_the_pictures(side: int, tile: int) -> None:
    assert split_auto(pictures(20, side, side)).geometry.size == tile


def test_renaming_and_reordering_files_changes_nothing_and_the_seed_does() -> None:
    given = pictures(20, 128, 128)
    first, again, other = split_auto(given), split_auto(given[::-1]), split_auto(given, seed=1)
    assert first.held_out == again.held_out
    assert first.held_out != other.held_out
