"""Synthetic defects can be seen, are where their mask says, and come again from the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.method.defects import CHANGED, KINDS, Picture, draw
from tools.method.noise import perlin, perlin_mask


def surface(seed: int, height: int = 96, width: int = 128, *, grey: bool = False) -> Picture:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 8, (height // 4, width // 4, 3)).astype(np.float32)
    picture = np.array([150, 130, 110]) + cv2.resize(coarse, (width, height)) + rng.normal(0, 2, (height, width, 3))
    rounded = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return np.repeat(rounded[..., :1], 3, axis=2) if grey else rounded


OTHERS = [surface(seed) for seed in range(10, 14)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grey", [False, True])
def test_the_mask_is_where_the_picture_changed(kind: str, grey: bool) -> None:
    picture = surface(1, grey=grey)
    untouched = picture.copy()
    rng = np.random.default_rng(7)
    for _ in range(10):
        defect = draw(rng, picture, OTHERS, kind)
        change = np.abs(defect.pixels.astype(int) - picture).max(axis=2)
        assert defect.pixels.dtype == np.uint8
        assert defect.pixels.shape == picture.shape
        assert defect.mask.any()
        assert change[~defect.mask].max(initial=0) < CHANGED
        assert change[defect.mask].mean() >= 8
        near = cv2.dilate((change >= CHANGED).astype(np.uint8), np.ones((9, 9), np.uint8))
        assert near[defect.mask].all(), "a masked pixel is far from anything that changed"
    np.testing.assert_array_equal(picture, untouched)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"blur"}))
def test_every_kind_can_be_drawn_on_an_ordinary_surface(kind: str) -> None:
    rng = np.random.default_rng(3)
    kinds = [draw(rng, surface(2), OTHERS, kind).kind for _ in range(12)]
    assert kinds.count(kind) >= 4


def test_blur_is_drawn_where_there_is_something_to_blur() -> None:
    board = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((8, 8)))
    picture = np.repeat((60 + 120 * board).astype(np.uint8)[..., None], 3, axis=2)
    rng = np.random.default_rng(3)
    assert "blur" in {draw(rng, picture, [], "blur").kind for _ in range(12)}


def test_grey_pictures_stay_grey_even_with_coloured_donors() -> None:
    rng = np.random.default_rng(5)
    picture = surface(4, grey=True)
    for kind in KINDS:
        for _ in range(4):
            pixels = draw(rng, picture, OTHERS, kind).pixels
            assert np.ptp(pixels, axis=2).max() == 0


def test_the_same_seed_draws_the_same_defects() -> None:
    first, again = (
        [draw(rng, surface(6), OTHERS) for _ in range(20)] for rng in (np.random.default_rng(9) for _ in range(2))
    )
    for one, other in zip(first, again, strict=True):
        assert one.kind == other.kind
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.mask, other.mask)
    assert len({defect.kind for defect in first}) > 5


@settings(max_examples=25, deadline=None)
@given(height=st.integers(32, 90), width=st.integers(32, 90), seed=st.integers(0, 1000), donors=st.integers(0, 2))
def test_any_size_and_any_number_of_donors(height: int, width: int, seed: int, donors: int) -> None:
    rng = np.random.default_rng(seed)
    others = [surface(seed, 40, 200), surface(seed, 33, 32)][:donors]
    defect = draw(rng, surface(seed, height, width), others)
    assert defect.pixels.shape == (height, width, 3)
    assert defect.mask.shape == (height, width)
    assert defect.mask.any()


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_pictures_get_visible_defects_too(level: int) -> None:
    picture = np.full((64, 64, 3), level, np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(30):
        defect = draw(rng, picture, [picture])
        assert np.abs(defect.pixels.astype(int) - picture).max() >= CHANGED


def test_perlin_noise_is_smooth_and_zero_at_its_grid_points() -> None:
    noise = perlin(np.random.default_rng(0), 64, 96, 4, 6)
    assert np.abs(noise[::16, ::16]).max() < 1e-6
    assert np.abs(np.diff(noise, axis=0)).max() < 0.2
    assert 0.1 < noise.std() < 0.5


def test_perlin_masks_have_the_published_least_area() -> None:
    rng = np.random.default_rng(0)
    masks = [perlin_mask(rng, 224, 224) for _ in range(40)]
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert np.mean([mask.sum() >= 100 for mask in masks]) > 0.9
