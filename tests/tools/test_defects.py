"""Synthetic defects can be seen, are where their mask says, and come again from the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tools.method.defects import CHANGED, KINDS, Picture, draw
from tools.method.kinds.augmenters import AUGMENTERS, augmented
from tools.method.kinds.surface import prepared
from tools.method.noise import band, bite, dots, perlin, perlin_mask, stroke


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


@settings(max_examples=25)
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


def steel(seed: int) -> Picture:
    """224×224, grey, ground in one direction."""
    rng = np.random.default_rng(seed)
    lines = cv2.GaussianBlur(rng.normal(0, 25, (224, 224)), (0, 0), sigmaX=1.0, sigmaY=12.0)
    grey = np.clip(np.rint(90 + lines + rng.normal(0, 3, (224, 224))), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def drawn(kind: str, count: int = 30) -> list[tuple[NDArray[np.int_], NDArray[np.bool_]]]:
    """Changes in grey levels and masks of that many defects."""
    rng, surfaces = np.random.default_rng(11), [steel(seed) for seed in range(4)]
    found = []
    for index in range(count):
        picture = surfaces[index % 4]
        defect = draw(rng, picture, surfaces, kind)
        if defect.kind == kind:
            found.append((defect.pixels[..., 0].astype(np.int_) - picture[..., 0].astype(np.int_), defect.mask))
    assert len(found) >= 0.8 * count
    return found


def test_hairlines_are_thin_long_and_mostly_dark() -> None:
    found = drawn("hairline")
    for _, mask in found:
        # A mask of 1.5 px and its smoothed borders has no pixel farther than 2 px from what is good.
        assert cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L1, 3).max() <= 3
        assert mask.mean() < 0.03
    spans = [max(np.ptp(axis) for axis in np.nonzero(mask)) for _, mask in found]
    assert np.median(spans) > 60
    assert np.mean([change[mask].mean() < 0 for change, mask in found]) > 0.8


def test_hairlines_on_dark_surfaces_are_darker_still() -> None:
    rng = np.random.default_rng(2)
    picture = np.full((96, 96, 3), 36, np.uint8)
    changes = [draw(rng, picture, [], "hairline").pixels.astype(int).mean() - 36 for _ in range(20)]
    assert np.mean(np.array(changes) < 0) > 0.8


def test_unevenness_is_large_faint_and_cleanly_outlined() -> None:
    found = drawn("unevenness")
    for change, mask in found:
        assert mask.mean() <= 0.7
        assert np.abs(change[mask]).mean() < 45
        pieces = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
        assert pieces.max() >= 0.9 * mask.sum()
    assert np.mean([mask.mean() > 0.1 for _, mask in found]) > 0.5
    assert {bool(change[mask].mean() > 0) for change, mask in found} == {True, False}


def test_pinholes_are_several_small_dark_rounds() -> None:
    for _, mask in drawn("pinholes"):
        areas = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
        assert np.median(areas) <= 40
    changes = [change[mask].mean() for change, mask in drawn("pinholes")]
    assert np.mean(np.array(changes) < 0) > 0.8


def test_chips_are_at_the_border() -> None:
    for _, mask in drawn("chip"):
        border = np.ones_like(mask)
        border[1:-1, 1:-1] = False
        assert (mask & border).any()


def test_bands_leave_half_of_the_picture_alone_and_bites_most_of_it() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        assert band(rng, 64, 96, rng.uniform(0.5, 12)).mean() < 0.65
        bitten = bite(rng, 64, 96)
        assert bitten.shape == (64, 96)
        assert bitten.mean() < 0.3


def test_lines_and_dots_have_the_width_asked_for() -> None:
    for width in (0.7, 1.0, 1.5, 3.0):
        shade = np.zeros((40, 60), np.float32)
        stroke(shade, np.array([[5.0, 20.0], [55.0, 20.0]]), np.full(2, width))
        assert shade[:, 20:40].sum(axis=0).mean() == pytest.approx(width, rel=0.15)
    for radius in (0.5, 1.0, 1.5):
        shade = dots(np.random.default_rng(0), (40, 60), np.array([[30.0, 20.0]]), np.full((1, 2), radius))
        assert shade.sum() == pytest.approx(np.pi * radius**2, abs=0.35)
        y, x = np.nonzero(shade > 0)
        assert (x.mean(), y.mean()) == pytest.approx((30, 20), abs=0.3)


def test_a_line_of_no_width_is_not_drawn() -> None:
    shade = np.zeros((40, 60), np.float32)
    stroke(shade, np.array([[5.0, 20.0], [25.0, 20.0], [55.0, 20.0]]), np.array([0.0, 2.0, 2.0]))
    assert shade[:, :22].max() == 0
    assert shade[:, 30:50].max() > 0.8


@pytest.mark.parametrize("grey", [False, True])
def test_augmenters_change_the_tone_and_nothing_else_decides_it(grey: bool) -> None:
    canvas = prepared(surface(3, grey=grey), []).canvas
    for count in (1, 3, 5):
        first, again = (augmented(np.random.default_rng(count), canvas, count) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == canvas.shape
        assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 255
    assert len(AUGMENTERS) >= 10
