"""Pictures that show the same surface are found by what they show."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.fit.overlaps import Overlaps, find_overlaps  # noqa: E402 - after the check for torch
from tools.fit.pictures import find_good  # noqa: E402

Grey = NDArray[np.uint8]


def stone(seed: int, height: int, width: int) -> Grey:
    """Speckles of several sizes."""
    rng = np.random.default_rng(seed)
    grain = sum(
        size * cv2.GaussianBlur(rng.normal(0, 40, (height, width)).astype(np.float32), (0, 0), size)
        for size in (1.5, 3.0, 6.0)
    )
    return np.asarray(np.clip(128 + np.asarray(grain), 0, 255), np.uint8)


def weave(seed: int, height: int, width: int) -> Grey:
    """Warp and weft of 12 px, each thread a little lighter or darker than the next, and fibres."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] + rng.uniform(0, 12, (2, 1, 1))
    over = np.sin(2 * np.pi * y / 12) * np.sin(2 * np.pi * x / 12)
    threads = (
        rng.normal(0, 4, height // 12 + 2)[(y // 12).astype(int)]
        + rng.normal(0, 4, width // 12 + 2)[(x // 12).astype(int)]
    )
    fibres = cv2.GaussianBlur(rng.normal(0, 40, (height, width)).astype(np.float32), (0, 0), 1.0)
    return np.asarray(np.clip(128 + 45 * over + threads + fibres, 0, 255), np.uint8)


def seen(picture: Grey, seed: int) -> Grey:
    """The same in other light, with the sensor's noise."""
    rng = np.random.default_rng(seed)
    shading = np.linspace(rng.uniform(0.7, 1), rng.uniform(0.7, 1), picture.shape[1])
    noise = rng.normal(0, 3, picture.shape)
    return np.asarray(np.clip(picture * shading * rng.uniform(0.7, 1.1) + noise, 0, 255), np.uint8)


def found_in(folder: Path, pictures: Mapping[str, Grey]) -> tuple[set[frozenset[str]], Overlaps]:
    folder.mkdir()
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    overlaps = find_overlaps(find_good(folder, skip=False))
    return {
        frozenset({one.stem, other.stem}) for one, others in overlaps.shown_by.items() for other in others
    }, overlaps


def test_exposures_of_a_part_are_found_whatever_their_light(tmp_path: Path) -> None:
    parts = {f"part{index}": stone(index, 200, 160) for index in range(8)}
    pictures = {f"{name}-{exposure}": seen(part, exposure) for name, part in parts.items() for exposure in range(2)}
    found, overlaps = found_in(tmp_path / "good", pictures)
    assert found == {frozenset({f"{name}-0", f"{name}-1"}) for name in parts}
    assert overlaps.whole


@pytest.mark.parametrize("surface", [stone, weave])
def test_frames_of_a_web_that_overlap_are_found_and_others_are_not(tmp_path: Path, surface: object) -> None:
    assert callable(surface)
    web = surface(0, 256, 2000)
    # Half of each frame is seen again in the next; the last two lie apart from the others.
    starts = {"a": 0, "b": 128, "c": 256, "d": 384, "x": 1000, "y": 1700}
    frames = {name: seen(web[:, start : start + 256], start) for name, start in starts.items()}
    found, overlaps = found_in(tmp_path / "good", frames)
    assert found == {frozenset(pair) for pair in ("ab", "bc", "cd")}
    assert not overlaps.whole


@pytest.mark.parametrize("surface", [stone, weave])
def test_pieces_of_one_surface_that_only_look_alike_are_not_taken_for_the_same(tmp_path: Path, surface: object) -> None:
    assert callable(surface)
    found, overlaps = found_in(tmp_path / "good", {f"{seed}": surface(seed, 192, 192) for seed in range(12)})
    assert not found
    assert not overlaps.shown_by


def test_a_web_that_weaves_and_comes_nearer_is_recognised(tmp_path: Path) -> None:
    web = stone(0, 400, 600)
    pictures = {}
    for index in range(6):
        place = cv2.getRotationMatrix2D((200 + 20 * index, 200), 2.0 * (index % 3 - 1), 1 + 0.05 * (index % 2))
        place[:, 2] += 128 - 200 - 20 * index, 128 - 200
        pictures[f"{index}"] = seen(np.asarray(cv2.warpAffine(web, place, (256, 256)), np.uint8), index)
    found, _ = found_in(tmp_path / "good", pictures)
    assert {frozenset({f"{index}", f"{index + 1}"}) for index in range(5)} <= found


def test_of_many_frames_that_overlap_every_pair_is_found(tmp_path: Path) -> None:
    web = stone(0, 160, 700)
    starts = range(0, 500, 20)
    frames = {f"{start:03}": seen(web[:, start : start + 160], start) for start in starts}
    found, _ = found_in(tmp_path / "good", frames)
    overlap = {frozenset({f"{a:03}", f"{b:03}"}) for a in starts for b in starts if 0 < b - a <= 140}
    assert {pair for pair in overlap if abs(int(min(pair)) - int(max(pair))) <= 130} <= found <= overlap


def test_many_exposures_in_two_lights_are_of_one_part(tmp_path: Path) -> None:
    """Each has more that are nearly equal to it than are laid over it, and all of those are in its own light."""
    pictures = {}
    for part in range(4):
        surface = stone(part, 160, 160)
        for index in range(10):
            for light in range(2):
                lit = cv2.GaussianBlur(surface, (0, 0), 1.2) if light else surface
                pictures[f"{part}-{light}-{index}"] = seen(np.asarray(lit, np.uint8), light)
                pictures[f"{part}-{light}-{index}"][0, 0] = index  # no two files are equal
    found, _ = found_in(tmp_path / "good", pictures)
    for part in range(4):
        assert frozenset({f"{part}-0-0", f"{part}-1-9"}) in found
    assert all(one.split("-")[0] == other.split("-")[0] for one, other in map(tuple, found))


def test_a_part_of_a_picture_shows_the_same_whatever_its_size(tmp_path: Path) -> None:
    whole = stone(0, 400, 400)
    found, overlaps = found_in(tmp_path / "good", {"whole": whole, "quarter": whole[100:300, 120:320]})
    assert found == {frozenset({"whole", "quarter"})}
    assert overlaps.whole  # of the smaller


def test_one_picture_by_itself_shows_nothing_twice(tmp_path: Path) -> None:
    assert not found_in(tmp_path / "one", {"a": stone(0, 300, 300)})[0]
    flat = {f"{index}": np.full((100, 100), 90 + index, np.uint8) for index in range(3)}
    for picture in flat.values():
        picture[:50] += 20
    assert not found_in(tmp_path / "flat", {"a": stone(0, 100, 100), **flat})[0]


@pytest.mark.parametrize("shape", [(32, 32), (32, 4000), (4000, 32)])
def test_odd_shapes_are_compared_too(tmp_path: Path, shape: tuple[int, int]) -> None:
    found, _ = found_in(tmp_path / "good", {f"{seed}": stone(seed, *shape) for seed in range(3)})
    assert not found


def test_names_of_files_change_nothing(tmp_path: Path) -> None:
    web = stone(0, 128, 600)
    frames = [seen(web[:, start : start + 200], start) for start in range(0, 400, 60)]
    named = {f"{index}": frame for index, frame in enumerate(frames)}
    renamed = {f"{9 - index}": frame for index, frame in enumerate(frames)}
    first, _ = found_in(tmp_path / "first", named)
    second, _ = found_in(tmp_path / "second", renamed)
    assert first == {frozenset(f"{9 - int(name)}" for name in pair) for pair in second}


def test_pictures_in_which_nothing_stands_out_share_nothing(tmp_path: Path) -> None:
    y = np.linspace(90, 160, 128)[:, None]
    found, _ = found_in(tmp_path / "good", {f"{index}": np.tile(y + index, 128).astype(np.uint8) for index in range(9)})
    assert not found


def test_exposures_of_real_magnetic_tiles_are_found(surfaces: Path) -> None:
    pictures = [
        each
        for each in find_good(surfaces / "magnetic_tile" / "good", skip=False)
        if 280_000 < number(each.path) < 345_000
    ]
    overlaps = find_overlaps(pictures)
    # Exposures of one tile were taken one after another, six at most; some tiles came again later.
    numbers = sorted(number(picture.path) for picture in pictures)
    followed = {a for a, b in pairwise(numbers) if b - a < 40} | {b for a, b in pairwise(numbers) if b - a < 40}
    missed = followed - {number(path) for path in overlaps.shown_by}
    assert len(missed) <= 0.02 * len(followed)
    assert max(len(others) for others in overlaps.shown_by.values()) <= 11


def number(file: Path) -> int:
    return int(file.stem.split("_num_")[1])
