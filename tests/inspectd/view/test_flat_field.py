"""Flat-field correction: made from frames, read from its file, applied in the copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.errors import ViewError
from inspectd.settings import ImagesCamera
from inspectd.view.flat_field import FlatField, read_flat_field, to_bytes
from inspectd.view.flattening import flatten
from inspectd.view.making import make_flat_field

HEIGHT, WIDTH = 90, 120


def light(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float64]:
    """Brighter in the middle than at the corners, as through a lens; 1 on average."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falling = 1.0 / (1 + 0.35 * (x**2 + y**2))
    fallen: NDArray[np.float64] = falling / falling.mean()
    return fallen


def frame(level: float, seed: int, dark: float = 0.0, noise: float = 2.0) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    lit = level * light() + dark + random.normal(0, noise, (HEIGHT, WIDTH))
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def corrected(flat: FlatField, pixels: NDArray[np.uint8], kind: PixelFormat = PixelFormat.MONO8) -> NDArray[np.uint8]:
    out = np.zeros_like(pixels)
    flat.correct(pixels, kind, out)
    return out


def test_uneven_light_becomes_even() -> None:
    flat = flatten(frame(160, seed) for seed in range(20)).flat
    seen = frame(120, 99)
    assert np.ptp(cv2.blur(seen, (15, 15))) > 35
    even = corrected(flat, seen)
    assert np.ptp(cv2.blur(even, (15, 15))) < 4
    assert even.mean() == pytest.approx(120, abs=1)


def test_the_dark_level_is_taken_off_first() -> None:
    white = (frame(160, seed, dark=20) for seed in range(20))
    flat = flatten(white, (frame(0, seed, dark=20) for seed in range(20))).flat
    assert corrected(flat, frame(80, 99, dark=20)).mean() == pytest.approx(80, abs=1)
    assert np.ptp(cv2.blur(corrected(flat, frame(80, 99, dark=20)), (15, 15))) < 4


def test_each_channel_keeps_its_own_mean_and_its_place() -> None:
    tint = np.array([1.0, 0.8, 0.6])
    shade = np.stack([light(), light()[:, ::-1], light()[::-1] ** 0.5], axis=2)
    white = np.rint(160 * tint * shade).astype(np.uint8)
    flat = flatten([white] * 2).flat
    seen = np.rint(100 * tint * shade).astype(np.uint8)
    rgb = corrected(flat, seen, PixelFormat.RGB8)
    np.testing.assert_allclose(rgb.reshape(-1, 3).mean(axis=0), 100 * tint * shade.mean(axis=(0, 1)), atol=1)
    assert (np.ptp(rgb.reshape(-1, 3), axis=0) <= 3).all()
    bgr = corrected(flat, np.ascontiguousarray(seen[..., ::-1]), PixelFormat.BGR8)
    np.testing.assert_array_equal(bgr[..., ::-1], rgb)


def test_dead_and_hot_pixels_are_replaced_by_their_neighbours() -> None:
    places = [(10, 10), (10, 11), (0, 0), (HEIGHT - 1, 40)]

    def with_dead(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        for place in places:
            pixels[place] = 0
        pixels[50, 60] = 240  # hot
        pixels[:, 80] = 3  # a whole column
        return pixels

    white = [with_dead(frame(160, seed)) for seed in range(10)]
    dark = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(2)]
    for picture in dark:
        picture[50, 60] = 240
    made = flatten(white, dark)
    bad = {(int(y), int(x)) for y, x in made.flat.bad}
    assert bad == {*places, (50, 60), *((y, 80) for y in range(HEIGHT))}
    even = corrected(made.flat, with_dead(frame(120, 99)))
    assert int(even.min()) > 100
    assert int(even.max()) < 140
    assert f"{len(bad)} bad pixels" in str(made)


def test_the_mean_of_what_is_inspected_stays() -> None:
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[30:60, 40:80] = True
    flat = flatten([frame(160, seed) for seed in range(10)], inspected=inside).flat
    seen = frame(120, 99)
    assert corrected(flat, seen)[inside].mean() == pytest.approx(seen[inside].mean(), abs=1)
    assert corrected(flat, seen).mean() > seen.mean() + 10


def test_gain_has_limits_and_tells_of_them() -> None:
    white = np.full((HEIGHT, WIDTH), 200, np.uint8)
    white[:20] = 10
    made = flatten([white])
    assert float(made.flat.gain.max()) == 4.0
    assert made.limited == 20 * WIDTH
    assert "at the limit of 0.25 or 4" in str(made)


@pytest.mark.parametrize(
    ("white", "says"),
    [
        ([], "no white frame"),
        ([np.full((9, 9), 255, np.uint8)], "saturated; expose more briefly"),
        ([np.full((9, 9), 12, np.uint8)], "too dark"),
        ([np.full((9, 9), 99, np.uint8), np.full((9, 8), 99, np.uint8)], "must be alike"),
        ([np.random.default_rng(0).integers(0, 250, (90, 90), np.uint8)], "dead or hot"),
    ],
)
def test_frames_that_do_not_do_are_refused(white: list[NDArray[np.uint8]], says: str) -> None:
    with pytest.raises(ViewError, match=says):
        flatten(white)


@hypothesis_settings(max_examples=60)
@given(
    shape=st.sampled_from([(1, 1), (7, 5), (40, 3), (300, 260), (5, 7, 3), (200, 150, 3)]),
    seed=st.integers(0, 1000),
    stride=st.booleans(),
)
def test_it_is_what_the_formula_says(shape: tuple[int, ...], seed: int, stride: bool) -> None:
    random = np.random.default_rng(seed)
    gain = random.uniform(0.25, 4, shape).astype(np.float32)
    dark = random.integers(0, 30, shape, np.uint8)
    pixels = random.integers(0, 256, shape, np.uint8)
    if stride:  # rows that lie apart, as a driver's do
        padded = np.zeros((shape[0], shape[1] + 5, *shape[2:]), np.uint8)
        padded[:, : shape[1]] = pixels
        pixels = padded[:, : shape[1]]
    flat = FlatField(gain, dark, np.empty((0, 2), np.int32))
    kind = PixelFormat.MONO8 if len(shape) == 2 else PixelFormat.RGB8
    out = np.zeros(shape, np.uint8)
    flat.correct(pixels, kind, out)
    exact = np.clip(np.maximum(pixels.astype(float) - dark, 0) * gain, 0, 255)
    assert np.abs(out - exact).max() <= 0.5 + 1e-3


def test_a_frame_of_another_size_or_kind_is_told() -> None:
    flat = flatten([frame(160, 0)]).flat
    assert flat.problem((HEIGHT, WIDTH)) is None
    told = flat.problem((HEIGHT, WIDTH, 3))
    assert told == "the flat field is for frames of 120×90 px grey, this one has 120×90 px colour"
    assert flat.problem((WIDTH, HEIGHT)) is not None


def test_from_folders_to_a_file_and_back(tmp_path: Path) -> None:
    for folder, level in (("white", 160), ("dark", 4)):
        (tmp_path / folder).mkdir()
        for seed in range(3):
            colour = np.stack([frame(level, seed)] * 3, axis=2)
            colour[..., 0] //= 2  # blue, in a file's order
            cv2.imwrite(str(tmp_path / folder / f"{seed}.png"), colour)
    camera = ImagesCamera(source="images:x", roi=[[[40, 30], [80, 30], [80, 60], [40, 60]]])
    made = make_flat_field(tmp_path / "white", tmp_path / "dark", tmp_path / "flat.npz", camera)
    back = read_flat_field(tmp_path / "flat.npz")
    for one, other in ((back.gain, made.flat.gain), (back.dark, made.flat.dark), (back.bad, made.flat.bad)):
        np.testing.assert_array_equal(one, other)
    assert back.dark[..., 0].mean() > back.dark[..., 2].mean(), "blue comes last"
    with pytest.raises(ViewError, match="record them with"):
        make_flat_field(tmp_path / "none", None, tmp_path / "flat.npz", None)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "flat.npz"
    with pytest.raises(ViewError, match="cannot be read"):
        read_flat_field(file)
    file.write_bytes(b"no such thing")
    with pytest.raises(ViewError, match="no flat field"):
        read_flat_field(file)
    good = to_bytes(flatten([frame(160, 0)]).flat)
    file.write_bytes(good[: len(good) // 2])
    with pytest.raises(ViewError, match="no flat field"):
        read_flat_field(file)
    flat = flatten([frame(160, 0)]).flat
    np.savez(file, version=np.int32(1), gain=np.array([{}], object), dark=flat.dark, bad=flat.bad)
    with pytest.raises(ViewError, match="damaged, or no flat field"):  # nothing is unpickled
        read_flat_field(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gain": np.full((HEIGHT, WIDTH), np.nan, np.float32)}, "gain from nan"),
        ({"gain": np.full((HEIGHT, WIDTH), 9, np.float32)}, "gain from 9"),
        ({"dark": np.zeros((HEIGHT, 3), np.uint8)}, "do not belong together"),
        ({"bad": np.array([[HEIGHT, 0]], np.int32)}, "outside the frame"),
        ({"bad": np.argwhere(np.ones((HEIGHT, WIDTH), bool)).astype(np.int32)}, "cross"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, NDArray[np.generic]], says: str) -> None:
    flat = flatten([frame(160, 0)]).flat
    arrays = {"gain": flat.gain, "dark": flat.dark, "bad": flat.bad} | change
    file = tmp_path / "flat.npz"
    np.savez(file, version=np.int32(1), **arrays)  # type: ignore[arg-type]  # its stub takes no mapping
    with pytest.raises(ViewError, match=says):
        read_flat_field(file)
