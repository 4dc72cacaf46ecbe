"""Pipelines through the driver: pixels, times, ends, and what must never be taken for a good picture."""

from __future__ import annotations

import ctypes
import gc
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from engines.pixels import PixelFormat, to_rgb
from inspectd.cameras.base import BadPicture, Picture
from inspectd.cameras.build import build_camera, effective_drop, is_live, open_limit_s, stall_limit_s
from inspectd.cameras.gst.driver import GstDriver
from inspectd.cameras.gst.recipe import recipe_of
from inspectd.errors import CameraError
from inspectd.settings import CameraSettings, DropPolicy, RtspCamera
from inspectd.wire.models import Reason

pytestmark = pytest.mark.usefixtures("gstreamer")

SOLID = "videotestsrc num-buffers=3 pattern=solid-color foreground-color=0xffc83c14"
SOLID_RGB = (200, 60, 20)


def settings(source: str, **keys: object) -> CameraSettings:
    return TypeAdapter[CameraSettings](CameraSettings).validate_python({"source": source, **keys})


def opened(source: str, *, skip: int = 0, **keys: object) -> GstDriver:
    camera = build_camera(settings(source, **keys), skip)
    assert isinstance(camera, GstDriver)
    camera.open()
    return camera


def everything(camera: GstDriver) -> Iterator[Picture | BadPicture]:
    while (picture := camera.read()) is not None:
        yield picture
    camera.close()


def rgb(picture: Picture | BadPicture | None) -> NDArray[np.uint8]:
    """A copy: the picture itself is valid until the next `read`."""
    assert isinstance(picture, Picture), picture
    copy = np.empty((*picture.pixels.shape[:2], 3), np.uint8)
    to_rgb(np.ascontiguousarray(picture.pixels), picture.pixel_format, copy)
    return copy


def recorded(pipeline: str) -> list[NDArray[np.uint8]]:
    return [rgb(picture) for picture in everything(opened(f"gst:{pipeline}", live=False))]


@pytest.mark.parametrize(
    ("format_", "pixel_format"),
    [("BGR", PixelFormat.BGR8), ("RGB", PixelFormat.RGB8), ("GRAY8", PixelFormat.MONO8)],
)
def test_what_is_read_here_comes_as_it_is_with_its_padding(format_: str, pixel_format: PixelFormat) -> None:
    camera = opened(f"gst:videotestsrc num-buffers=2 ! video/x-raw,format={format_},width=101,height=37", live=False)
    picture = camera.read()
    assert isinstance(picture, Picture)
    assert picture.pixel_format is pixel_format
    assert picture.pixels.shape == pixel_format.shape(37, 101)
    assert picture.pixels.strides[0] == -(-101 * pixel_format.channels // 4) * 4
    camera.close()


def test_rows_and_colours_are_in_order() -> None:
    bars = "videotestsrc num-buffers=1 pattern=smpte100 ! video/x-raw,width=101,height=37"
    (bgr,), (as_rgb,) = recorded(f"{bars},format=BGR"), recorded(f"{bars},format=RGB")
    np.testing.assert_array_equal(bgr, as_rgb)
    assert (bgr == bgr[0]).all()  # bars: a row skewed by its padding would show
    for format_ in ("BGR", "RGB"):
        for picture in recorded(f"{SOLID} ! video/x-raw,format={format_},width=33,height=9"):
            assert (picture == SOLID_RGB).all()


def test_a_pipeline_may_be_written_on_several_lines() -> None:
    assert len(recorded("\n    videotestsrc num-buffers=3\n    ! video/x-raw,format=GRAY8\n")) == 3


@pytest.mark.parametrize("format_", ["I420", "NV12", "YUY2", "BGRx", "RGBA"])
def test_other_colour_formats_are_converted(format_: str) -> None:
    for picture in recorded(f"{SOLID} ! video/x-raw,format={format_},width=102,height=38"):
        assert np.abs(picture.astype(int) - SOLID_RGB).max() <= 3


def test_more_than_8_bits_are_cut_to_the_upper_8() -> None:
    ramp = "videotestsrc num-buffers=1 pattern=gradient ! video/x-raw,format=GRAY16_LE,width=101,height=200"
    camera = opened(f"gst:{ramp}", live=False)
    picture = camera.read()
    assert isinstance(picture, Picture)
    assert picture.pixel_format is PixelFormat.MONO8
    row, column = picture.pixels[0], picture.pixels[:, 0]
    assert (row == row[0]).all()
    assert (np.diff(column.astype(int)) >= 0).all()
    assert (column[0], column[-1]) == (16, 233)  # as the source draws it, in 8 bits and in 16
    camera.close()


def test_live_pictures_carry_the_time_they_were_taken() -> None:
    camera = opened("pattern:ball", rate_hz=20, width=64, height=48)
    stamps = []
    for _ in range(10):
        picture = camera.read()
        assert isinstance(picture, Picture)
        age_ns = time.monotonic_ns() - picture.captured_monotonic_ns
        assert 0 <= age_ns < 5e9
        assert abs((time.time_ns() - picture.captured_utc_ns) - age_ns) < 1e8
        stamps.append(picture.captured_monotonic_ns)
    camera.close()
    # The source's own clock, to the nanosecond: times of arrival would scatter.
    assert [later - earlier for earlier, later in pairwise(stamps)] == [50_000_000] * 9


def test_pictures_of_a_recording_count_as_taken_when_they_are_read() -> None:
    before = time.monotonic_ns()
    for picture in everything(opened(f"gst:{SOLID}", live=False)):
        assert before < picture.captured_monotonic_ns <= time.monotonic_ns()


def test_a_recording_ends_and_goes_on_where_it_was_left() -> None:
    text = "videotestsrc num-buffers=12 pattern=ball animation-mode=frames ! video/x-raw,width=64,height=48"
    whole = recorded(text)
    rest = [rgb(picture) for picture in everything(opened(f"gst:{text}", live=False, skip=5))]
    assert len(whole) == 12
    np.testing.assert_array_equal(rest, whole[5:])
    assert list(everything(opened(f"gst:{text}", live=False, skip=12))) == []


def test_the_end_of_a_live_pipeline_is_a_loss() -> None:
    camera = opened("gst:videotestsrc is-live=true num-buffers=3")
    for _ in range(3):
        assert isinstance(camera.read(), Picture)
    with pytest.raises(CameraError, match="live = false"):
        camera.read()
    camera.close()
    camera.close()


def test_what_nobody_takes_in_time_is_told_picture_by_picture() -> None:
    camera = opened("pattern:ball", rate_hz=100, width=64, height=48)
    first = camera.read()
    assert isinstance(first, Picture)
    time.sleep(0.5)
    lost = 0
    while isinstance(picture := camera.read(), BadPicture):
        assert picture.reason is Reason.OVERRUN
        lost += 1
    camera.close()
    assert lost >= 20
    assert isinstance(picture, Picture)
    assert picture.captured_monotonic_ns - first.captured_monotonic_ns == (lost + 1) * 10_000_000


def test_a_live_pipeline_that_blocks_loses_nothing() -> None:
    camera = opened("gst:videotestsrc num-buffers=40", drop="block")
    time.sleep(0.2)
    taken = [camera.read() for _ in range(40)]
    camera.close()
    assert all(isinstance(picture, Picture) for picture in taken)


def test_the_size_may_change_on_the_way(tmp_path: Path) -> None:
    for number, width in enumerate((64, 101, 101, 33)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((48, width, 3), SOLID_RGB[::-1], np.uint8))
    pictures = recorded(f"multifilesrc location={tmp_path}/%d.png ! pngdec")
    assert [picture.shape for picture in pictures] == [(48, width, 3) for width in (64, 101, 101, 33)]
    assert all((picture == SOLID_RGB).all() for picture in pictures)


def test_nothing_is_left_after_close() -> None:
    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    recorded(SOLID)
    before = descriptors()
    for _ in range(5):
        opened(f"gst:{SOLID}", live=False).close()
    assert descriptors() == before


def jpegs(folder: Path, count: int) -> list[bytes]:
    pictures = []
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), noise)
        pictures.append((folder / f"{number}.jpg").read_bytes())
    return pictures


def test_jpeg_pictures_are_checked_before_they_count(tmp_path: Path) -> None:
    whole = jpegs(tmp_path, 5)
    (tmp_path / "1.jpg").write_bytes(whole[1][: len(whole[1]) // 2])
    half = len(whole[3]) // 2
    (tmp_path / "3.jpg").write_bytes(whole[3][:half] + bytes(64) + whole[3][half + 64 :])
    camera = opened(f"gst:multifilesrc location={tmp_path}/%d.jpg ! image/jpeg,framerate=5/1", live=False, jpeg=True)
    taken = [rgb(picture) if isinstance(picture, Picture) else picture for picture in everything(camera)]
    for number in (0, 2, 4):
        decoded = cv2.imdecode(np.frombuffer(whole[number], np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(taken[number], decoded)
    for number, told in ((1, "truncated"), (3, "damaged")):
        bad = taken[number]
        assert isinstance(bad, BadPicture)
        assert bad.reason is Reason.BAD_FRAME
        assert told in bad.detail


SCENE = (
    "videotestsrc num-buffers=60 pattern=ball animation-mode=frames foreground-color=0xffc83c14 "
    "! video/x-raw,width=320,height=240"
)


@pytest.mark.parametrize("decoder", ["decodebin", "rtph264depay ! h264parse ! avdec_h264"])
def test_lost_packets_are_told_and_no_mended_picture_passes(decoder: str) -> None:
    encoded = f"{SCENE} ! videoconvert ! openh264enc gop-size=12 bitrate=2000000 ! rtph264pay mtu=400"
    whole = {picture.tobytes() for picture in recorded(f"{encoded} ! {decoder}")}
    assert len(whole) == 60
    ctypes.CDLL(None).srand(1)  # what `identity` rolls its dice with
    camera = opened(f"gst:{encoded} ! identity drop-probability=0.02 ! {decoder}", live=False)
    taken = [rgb(picture) if isinstance(picture, Picture) else picture for picture in everything(camera)]
    bad = [picture for picture in taken if isinstance(picture, BadPicture)]
    good = [picture.tobytes() for picture in taken if not isinstance(picture, BadPicture)]
    assert bad
    assert {picture.reason for picture in bad} == {Reason.BAD_FRAME}
    assert all("lost on the way" in picture.detail for picture in bad)
    assert len(good) >= 20
    assert set(good) <= whole


def test_what_a_decoder_gives_up_is_told(tmp_path: Path) -> None:
    film = tmp_path / "film.264"
    stream = "videoconvert ! openh264enc gop-size=12 ! h264parse ! video/x-h264,stream-format=byte-stream"
    recorded(f"{SCENE} ! tee name=t t. ! queue ! {stream} ! filesink location={film} t. ! queue")
    data = bytearray(film.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 200, 10):
        data[place] ^= 0xFF
    film.write_bytes(data)
    taken = list(everything(opened(f"gst:filesrc location={film} ! h264parse ! openh264dec", live=False)))
    bad = [picture for picture in taken if isinstance(picture, BadPicture)]
    assert bad


@pytest.mark.parametrize("encoder", ["jpegenc quality=95 ! avimux", "openh264enc bitrate=4000000 ! h264parse ! mp4mux"])
def test_a_video_file_shows_the_same_as_through_opencv(tmp_path: Path, encoder: str) -> None:
    video = tmp_path / "film"
    branch = f"t. ! queue ! videoconvert ! {encoder} ! filesink location={video}"
    recorded(f"{SCENE} ! tee name=t {branch} t. ! queue")
    through_gstreamer = recorded(f"filesrc location={video} ! decodebin")
    camera = build_camera(settings(f"opencv:{video}"))
    camera.open()
    through_opencv = []
    while (picture := camera.read()) is not None:
        through_opencv.append(rgb(picture))
    camera.close()
    assert len(through_gstreamer) == len(through_opencv) == 60
    for one, other in zip(through_gstreamer, through_opencv, strict=True):
        # Both decode the same planes; their colours are spread and rounded differently.
        difference = np.abs(one.astype(int) - other.astype(int))
        assert difference.mean() < 1
        assert (difference > 8).mean() < 0.005


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("gst:videotestsrc ! nosuchthing", r"no element 'nosuchthing'; was it misspelt"),
        (
            "gst:videotestsrc ! avdec_nosuch ! openh264nosuch",
            r"sudo apt install gstreamer1.0-libav gstreamer1.0-plugins-bad",
        ),
        ("gst:videotestsrc !", "without '!' or a sink"),
        ("gst:videotestsrc ! fakesink", "without '!' or a sink"),
        ("gst:videotestsrc colour=7", "videotestsrc.*gst-inspect-1.0"),
        ("gst:videotestsrc ! video/x-bayer,format=bggr", "put 'bayer2rgb' at its end"),
        ("gst:filesrc location=/nowhere.mp4 ! decodebin", 'No such file "/nowhere.mp4"'),
        ("gst:filesrc location=/etc/hostname ! decodebin", "typefind: Could not determine type of stream$"),
        ("pattern:bull", "bull"),
        ("v4l2:/dev/video97", "/dev/video97"),
    ],
)
def test_what_cannot_be_opened_is_told_with_the_way_out(source: str, told: str) -> None:
    with pytest.raises(CameraError, match=told) as caught:
        opened(source)
    assert str(caught.value).startswith(source)


def test_a_stream_that_is_not_there_is_told_without_its_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        with pytest.raises(CameraError, match="connect") as caught:
            opened(f"rtsp://operator:secret@127.0.0.1:{port}/line")
    assert "secret" not in str(caught.value)
    assert f"127.0.0.1:{port}/line" in str(caught.value)


def test_hardware_decoders_are_used_where_they_are() -> None:
    url = "rtsp://operator:secret@host/x ! filesink location=/etc/passwd"
    camera, software = RtspCamera(source=url), RtspCamera(source=url, decoder="software")
    jetson, card, plain = {"nvv4l2decoder", "nvvidconv"}, {"nvh264dec", "nvh265dec"}, set[str]()
    for has, settings_, brought_out in ((jetson, camera, True), (jetson, software, False), (card, camera, False)):
        recipe = recipe_of(settings_, has.__contains__)
        assert ("nvvidconv" in recipe.text) is brought_out
        assert recipe.hardware is (settings_ is camera)
        assert recipe.source == {"location": url}
        assert "passwd" not in recipe.text  # a URL is never read as pipeline
    assert "avdec_h265" not in recipe_of(camera, card.__contains__).brought
    assert "avdec_h265" in recipe_of(camera, plain.__contains__).brought
    assert "avdec_h265" in recipe_of(software, jetson.__contains__).brought


def test_what_is_expected_of_a_camera_follows_its_kind() -> None:
    for source, live in (("gst:videotestsrc", True), ("rtsp://host/x", True), ("v4l2:/dev/video0", True)):
        assert is_live(settings(source)) is live
        assert effective_drop(settings(source)) is DropPolicy.OLDEST
    recording = settings("gst:filesrc location=x ! decodebin", live=False)
    assert not is_live(recording)
    assert effective_drop(recording) is DropPolicy.BLOCK
    assert open_limit_s(recording) > open_limit_s(settings("rtsps://host/x"))
    assert stall_limit_s(settings("pattern:ball", rate_hz=0.5, stall_s=1)) == pytest.approx(3)
