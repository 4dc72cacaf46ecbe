"""Picture files as a camera."""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Picture
from inspectd.cameras.images import ImagesDriver, decode_picture, natural_key
from inspectd.errors import CameraError
from inspectd.settings import ImagesCamera


def texture(height: int = 60, width: int = 80, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(pixels: NDArray[np.integer | np.floating], suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


def driver(source: object, skip: int = 0, **keys: object) -> ImagesDriver:
    camera = ImagesDriver(ImagesCamera.model_validate({"source": f"images:{source}", **keys}), skip)
    camera.open()
    return camera


def read_all(camera: ImagesDriver, most: int = 100) -> list[Picture | BadPicture]:
    taken: list[Picture | BadPicture] = []
    while len(taken) < most and (picture := camera.read()) is not None:
        taken.append(picture)
    return taken


def sources(camera: ImagesDriver, most: int = 100) -> list[str | None]:
    return [picture.source for picture in read_all(camera, most)]


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """Ten pictures whose names count without leading zeros, and files that are no pictures."""
    for number in range(1, 11):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), texture(seed=number))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


COUNTED = [f"frame{number}.png" for number in range(1, 11)]


@pytest.mark.parametrize("pattern", ["", "/*.png", "/frame*"])
def test_pictures_come_in_the_order_people_count(web: Path, pattern: str) -> None:
    assert sources(driver(f"{web}{pattern}")) == COUNTED


def test_one_file(web: Path) -> None:
    assert sources(driver(web / "frame3.png")) == ["frame3.png"]


def test_a_pattern_over_folders_names_files_below_its_fixed_part(web: Path) -> None:
    for name in ("b", "a"):
        (web / name).mkdir()
        cv2.imwrite(str(web / name / "1.png"), texture())
    assert sources(driver(f"{web}/**/1.png")) == ["a/1.png", "b/1.png"]


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "web[1]"
    folder.mkdir()
    (folder / "x.png").write_bytes(encode(texture(), ".png"))
    assert sources(driver(folder)) == ["x.png"]


def test_natural_order_tells_apart_what_counts_the_same() -> None:
    assert sorted(["a10", "a2", "a02", "B1", "a", "2", "10"], key=natural_key) == [
        *("2", "10"),
        *("a", "a02", "a2", "a10"),
        "B1",
    ]


def test_pixels_are_the_files_own(web: Path) -> None:
    (first, *_) = read_all(driver(web))
    assert isinstance(first, Picture)
    assert first.pixel_format is PixelFormat.BGR8
    np.testing.assert_array_equal(first.pixels, texture(seed=1))


def test_grey_stays_grey_and_alpha_goes() -> None:
    grey = texture()[..., 0]
    pixels, pixel_format = decode_picture(encode(grey, ".png"))
    assert pixel_format is PixelFormat.MONO8
    np.testing.assert_array_equal(pixels, grey)
    alpha = np.dstack([texture(), grey])
    pixels, pixel_format = decode_picture(encode(alpha, ".png"))
    assert pixel_format is PixelFormat.BGR8
    np.testing.assert_array_equal(pixels, texture())


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_scaled_by_one_fixed_factor(suffix: str) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65534, 65535]], np.uint16)
    pixels, _ = decode_picture(encode(values, suffix))
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[0, 0, 1, 1, 128, 255, 255]]


def test_floating_point_is_refused_with_the_way_out() -> None:
    with pytest.raises(CameraError, match="8 or 16 bits"):
        decode_picture(encode(np.zeros((4, 4), np.float32), ".tif"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm", ".pgm"])
@settings(max_examples=25)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_picture_is_never_taken_for_whole(suffix: str, share: float) -> None:
    pixels = texture() if suffix != ".pgm" else texture()[..., 0]
    data = encode(pixels, suffix)
    decode_picture(data)
    with pytest.raises(CameraError):
        decode_picture(data[: int(len(data) * share)])


@settings(max_examples=50)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_png_with_one_wrong_byte_is_refused_or_the_same(position: float, flip: int) -> None:
    data = bytearray(encode(texture(), ".png"))
    data[int(len(data) * position)] ^= flip
    try:
        pixels, _ = decode_picture(bytes(data))
    except CameraError:
        return
    np.testing.assert_array_equal(pixels, texture())


def test_a_jpeg_that_was_cut_and_closed_again_is_refused() -> None:
    data = encode(texture(200, 300), ".jpg")
    with pytest.raises(CameraError, match="damaged"):
        decode_picture(data[: len(data) // 2] + b"\xff\xd9")
    with pytest.raises(CameraError, match="damaged"):
        decode_picture(data[:4000] + data[9000:])


def test_a_preview_inside_a_truncated_jpeg_does_not_pass_for_its_end() -> None:
    data, preview = encode(texture(200, 300), ".jpg"), encode(texture(8, 8), ".jpg")
    with_preview = data[:2] + b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview + data[2:]
    pixels, _ = decode_picture(with_preview)
    assert pixels.shape == (200, 300, 3)
    with pytest.raises(CameraError, match="truncated"):
        decode_picture(with_preview[: len(with_preview) // 2])


def test_bytes_after_a_whole_picture_do_no_harm() -> None:
    for suffix in (".png", ".jpg"):
        decode_picture(encode(texture(), suffix) + b"written by the camera's maker")


def test_a_png_that_promises_the_impossible_is_refused() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(CameraError):
        decode_picture(bomb)


def test_a_bad_picture_names_its_file_and_the_camera_goes_on(web: Path) -> None:
    whole = (web / "frame2.png").read_bytes()
    (web / "frame2.png").write_bytes(whole[: len(whole) // 2])
    (web / "frame3.png").write_bytes(b"garbage" * 100)
    (web / "frame4.png").write_bytes(b"")
    (web / "frame5.png").unlink()
    (web / "frame5.png").symlink_to(web / "frame1.png")
    camera = driver(web)
    (web / "frame1.png").unlink()
    taken = read_all(camera)
    assert [picture.source for picture in taken] == COUNTED
    bad = [picture for picture in taken if isinstance(picture, BadPicture)]
    assert [picture.source for picture in bad] == COUNTED[:5]
    assert all(picture.source and picture.source in picture.detail for picture in bad)
    assert "No such file" in bad[0].detail
    assert "truncated" in bad[1].detail
    assert "damaged, or no picture" in bad[2].detail
    assert "empty" in bad[3].detail


@pytest.mark.parametrize(
    ("source", "says"), [("/none", "no such file or folder"), ("/*.bmp", "matches no file"), ("/folder.png", "folder")]
)
def test_nothing_to_take_is_told_with_the_way_out(web: Path, source: str, says: str) -> None:
    with pytest.raises(CameraError, match=says) as caught:
        driver(f"{web}{source}")
    assert "source" in str(caught.value)


def test_loop_begins_again_and_skip_goes_on(web: Path) -> None:
    assert sources(driver(web, loop=True), 12) == [*COUNTED, *COUNTED[:2]]
    assert sources(driver(web, skip=7)) == COUNTED[7:]
    assert sources(driver(web, skip=23, loop=True), 3) == COUNTED[3:6]


def test_preloaded_pictures_outlive_their_files(web: Path) -> None:
    camera = driver(web, preload=True)
    for file in web.glob("*.png"):
        if file.is_file():
            file.unlink()
    taken = read_all(camera)
    assert len(taken) == 10
    assert all(isinstance(picture, Picture) for picture in taken)


def test_the_rate_is_not_exceeded(web: Path) -> None:
    camera = driver(web, rate_hz=50, loop=True)
    began = time.monotonic_ns()
    times = []
    for picture in read_all(camera, 40):
        times.append(picture.captured_monotonic_ns - began)
        time.sleep(0.004)  # the reader's own work must not add up
    assert (times[-1] - times[0]) / 1e9 >= 35 * 0.02, "faster than asked"
    assert times == sorted(times)


def test_a_rate_does_not_catch_up_in_a_burst(web: Path) -> None:
    camera = driver(web, rate_hz=20, loop=True)
    camera.read()
    time.sleep(0.5)
    camera.read()
    before = time.monotonic()
    camera.read()
    camera.read()
    assert time.monotonic() - before >= 0.05


def test_names_that_are_not_utf8_can_be_told(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes(encode(texture(), ".png"))
    assert sources(driver(tmp_path)) == ["caf\\xe9.png"]
