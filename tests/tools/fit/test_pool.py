"""How many tiles are spoilt, and that not all of them are in memory at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.backbones.lite0 import Lite0  # noqa: E402 - needs torch
from tools.fit.overlaps import Overlaps  # noqa: E402
from tools.fit.pictures import PictureFile, find_good  # noqa: E402
from tools.fit.pool import LOT, Pool, make_pool  # noqa: E402
from tools.fit.splits import split  # noqa: E402


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[PictureFile]:
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    for index in range(8):
        cv2.imwrite(str(folder / f"{index}.png"), rng.integers(90, 160, (64, 64, 3), np.uint8))
    return find_good(folder, skip=False)


def pool_of(pictures: list[PictureFile], synthetic: int) -> Pool:
    return make_pool(split(pictures, Lite0(), Overlaps(), tile=64, overlap=0, seed=0), 0, synthetic=synthetic)


def test_as_many_tiles_are_spoilt_as_were_asked_for_the_rest_of_them_a_lot_at_a_time(
    pictures: list[PictureFile],
) -> None:
    few = pool_of(pictures, 100)
    assert len(few.spoilt.kinds) == 100
    assert list(few.spoil_more()) == []
    many = pool_of(pictures, 900 + LOT + 7)
    lots = list(many.spoil_more())
    assert [len(lot.kinds) for lot in lots] == [LOT, 7]
    assert len(many.spoilt.kinds) == 900
    assert not np.array_equal(lots[0].tiles[:7], lots[1].tiles)


def test_further_tiles_are_spoilt_alike_each_time_but_not_as_the_kept_ones(pictures: list[PictureFile]) -> None:
    pool = pool_of(pictures, 900 + 5)
    (first,), (again,) = pool.spoil_more(), pool.spoil_more()
    np.testing.assert_array_equal(first.tiles, again.tiles)
    assert not np.array_equal(first.tiles, pool.spoilt.tiles[:5])
    assert first.masks.any(axis=(1, 2)).all()


def test_by_itself_a_fit_of_few_pictures_spoils_a_few_hundred_tiles(pictures: list[PictureFile]) -> None:
    pool = make_pool(split(pictures, Lite0(), Overlaps(), tile=64, overlap=0, seed=0), 0)
    assert (len(pool.spoilt.kinds), pool.more) == (600, 0)


@pytest.mark.parametrize(("whole", "spoilt"), [(False, 300), (True, 600)], ids=["of one piece", "with one print"])
def test_where_all_pictures_show_one_piece_of_surface_few_tiles_are_spoilt(
    pictures: list[PictureFile], whole: bool, spoilt: int
) -> None:
    everyone = Overlaps({one.path: {other.path for other in pictures} - {one.path} for one in pictures}, whole)
    parts = split(pictures, Lite0(), everyone, tile=64, overlap=0, seed=0)
    assert parts.seen == len(parts.held_out)
    assert (len(make_pool(parts, 0).spoilt.kinds), make_pool(parts, 0).more) == (spoilt, 0)
    assert len(make_pool(parts, 0, synthetic=700).spoilt.kinds) == 700
