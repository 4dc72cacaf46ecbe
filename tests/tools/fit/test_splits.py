"""Tile size, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.backbones.lite0 import Lite0  # noqa: E402 - needs torch
from tools.errors import PictureError  # noqa: E402
from tools.fit.overlaps import Overlaps  # noqa: E402
from tools.fit.pictures import PictureFile  # noqa: E402
from tools.fit.splits import Part, Split, split  # noqa: E402


def pictures(count: int, height: int, width: int) -> list[PictureFile]:
    return [PictureFile(Path(f"{index}.png"), f"{index:064d}", height, width) for index in range(count)]


def in_groups(sizes: Sequence[int], side: int = 128) -> list[PictureFile]:
    """Groups of these sizes, their pictures shuffled."""
    groups = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    order = np.random.default_rng(0).permutation(len(groups))
    return [
        replace(picture, group=groups[index])
        for picture, index in zip(pictures(len(groups), side, side), order, strict=True)
    ]


def groups_of(parts: Sequence[Part]) -> set[str]:
    return {part.picture.group for part in parts}


def split_auto(given: list[PictureFile], seed: int = 0) -> Split:
    return split(given, Lite0(), Overlaps(), tile="auto", overlap=32, seed=seed)


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


def test_pictures_without_groups_are_drawn_one_by_one() -> None:
    # The very pictures that this seed has always held out: a bundle can be made again.
    found = split_auto(pictures(12, 128, 128))
    assert [int(part.picture.sha256) for part in found.held_out] == [0, 1, 7]
    assert found.groups is None


@pytest.mark.parametrize(
    ("sizes", "held_out"),
    [
        ([1] * 40, 10),
        ([3] * 40, 30),
        ([4, 4, 4, 4], 4),
        ([30, 2, 3], 5),  # 9 are wanted; the large one would be all that is learned
        ([7, 9], 7),
        ([1, 39], 1),
        ([5, 8, 13, 21, 34], 21),  # 20 are wanted
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_groups_stay_whole_and_come_as_near_to_the_share_as_they_can(
    sizes: list[int], held_out: int, seed: int
) -> None:
    found = split_auto(in_groups(sizes), seed)
    assert len(found.held_out) == held_out
    assert len(found.train) == sum(sizes) - held_out
    assert not groups_of(found.train) & groups_of(found.held_out)
    assert found.groups == (len(groups_of(found.train)), len(groups_of(found.held_out)))


def test_pictures_without_a_group_beside_groups_are_a_group_each() -> None:
    found = split_auto(in_groups([20]) + [replace(each, sha256=f"a{each.sha256}") for each in pictures(4, 128, 128)])
    assert groups_of(found.held_out) == {""}
    assert found.groups == (1, 4)


def test_names_of_groups_change_nothing_and_the_seed_does() -> None:
    given = in_groups([4] * 20)
    renamed = [replace(each, group=f"x{99 - int(each.group[1:])}") for each in given[::-1]]
    first, again, other = split_auto(given), split_auto(renamed), split_auto(given, seed=1)
    held_out = [[part.picture.sha256 for part in each.held_out] for each in (first, again, other)]
    assert held_out[0] == held_out[1]
    assert held_out[0] != held_out[2]


def test_every_group_is_held_out_by_some_seed() -> None:
    given = in_groups([1, 2, 3, 4, 5, 6, 7])
    assert {group for seed in range(40) for group in groups_of(split_auto(given, seed).held_out)} == groups_of(
        split_auto(given).train + split_auto(given).held_out
    )


def test_a_single_group_is_refused_with_the_way_out() -> None:
    with pytest.raises(PictureError, match=r"all 12 good pictures are of one group, 'g0'.*leave --group out"):
        split_auto(in_groups([12]))


def test_blocks_of_one_group_stay_together_where_there_are_more() -> None:
    found = split_auto(in_groups([2, 2, 2], side=512))
    assert found.by == "blocks"
    assert found.groups == (2, 1)
    assert not groups_of(found.train) & groups_of(found.held_out)


def test_blocks_of_a_single_group_are_split_as_without_groups() -> None:
    grouped, alone = split_auto(in_groups([2], side=512)), split_auto(pictures(2, 512, 512))
    assert grouped.groups is None
    assert [(part.picture.path, part.y, part.x) for part in grouped.held_out] == [
        (part.picture.path, part.y, part.x) for part in alone.held_out
    ]


@pytest.mark.parametrize(
    ("sides", "tile"),
    [
        ([100] * 9 + [256] * 11, 256),  # smaller pictures are continued by reflection
        ([100] * 11 + [256] * 9, 96),
        ([100] * 10 + [200] * 10, 128),
        ([100, 300, 500], 224),  # blocks of 256 px would be too few
    ],
)
def test_the_tile_fits_the_median_picture(sides: list[int], tile: int) -> None:
    given = [replace(each, height=side) for each, side in zip(pictures(len(sides), 0, 600), sides, strict=True)]
    assert split_auto(given).geometry.size == tile


@pytest.mark.parametrize(("side", "tile"), [(1000, 256), (256, 256), (130, 128), (40, 64)])
def test_the_tile_fits_the_pictures(side: int, tile: int) -> None:
    assert split_auto(pictures(20, side, side)).geometry.size == tile


def test_renaming_and_reordering_files_changes_nothing_and_the_seed_does() -> None:
    given = pictures(20, 128, 128)
    first, again, other = split_auto(given), split_auto(given[::-1]), split_auto(given, seed=1)
    assert first.held_out == again.held_out
    assert first.held_out != other.held_out
