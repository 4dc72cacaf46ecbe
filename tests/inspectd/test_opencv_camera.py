"""Video files, devices and streams through OpenCV."""

from __future__ import annotations

import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Picture
from inspectd.cameras.build import build_camera, effective_drop, is_live, open_limit_s, stall_limit_s
from inspectd.cameras.opencv import OpencvDriver
from inspectd.errors import CameraError
from inspectd.settings import DropPolicy, ImagesCamera, OpencvCamera

FRAMES = 12


def level(number: int) -> int:
    return 10 + 20 * number


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Frames of one even grey each, which JPEG keeps."""
    path = tmp_path / "web.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for number in range(FRAMES):
        writer.write(np.full((240, 320, 3), level(number), np.uint8))
    writer.release()
    return path


def driver(target: object, skip: int = 0, **keys: object) -> OpencvDriver:
    camera = OpencvDriver(OpencvCamera.model_validate({"source": f"opencv:{target}", **keys}), skip)
    camera.open()
    return camera


def levels(camera: OpencvDriver, most: int) -> list[int]:
    taken: list[int] = []
    while len(taken) < most:
        picture = camera.read()
        if picture is None:
            break
        assert isinstance(picture, Picture)
        assert picture.pixels.shape == (240, 320, 3)
        assert picture.pixel_format is PixelFormat.BGR8
        taken.append(round((float(picture.pixels.mean()) - 10) / 20))
    return taken


def test_a_video_file_gives_every_frame_and_ends(video: Path) -> None:
    camera = driver(video)
    assert levels(camera, 100) == list(range(FRAMES))
    assert camera.read() is None
    camera.close()
    camera.close()


def test_a_video_file_loops(video: Path) -> None:
    assert levels(driver(video, loop=True), 2 * FRAMES + 3) == [*range(FRAMES), *range(FRAMES), 0, 1, 2]


def test_a_restarted_video_goes_on_where_it_was(video: Path) -> None:
    assert levels(driver(video, skip=5), 100) == list(range(5, FRAMES))
    assert levels(driver(video, skip=FRAMES + 5, loop=True), 3) == [5, 6, 7]


def test_a_truncated_video_does_not_pass_for_a_whole_one(video: Path) -> None:
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    camera = driver(video)
    taken = []
    while (picture := camera.read()) is not None:
        taken.append(picture)
    *whole, last = taken
    assert 0 < len(whole) < FRAMES - 2
    assert isinstance(last, BadPicture)
    assert f"of {FRAMES} frames" in last.detail


def test_what_is_not_there_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"no such device.*Devices here"):
        driver("/dev/video97")
    with pytest.raises(CameraError, match="no such device"):
        driver(97)
    with pytest.raises(CameraError, match="no such file"):
        driver(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(CameraError, match="not a video"):
        driver(tmp_path / "text.mp4")


def test_a_stream_that_is_not_there_is_told_without_its_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        with pytest.raises(CameraError, match="cannot be reached") as caught:
            driver(f"rtsp://operator:secret@127.0.0.1:{port}/line")
    assert "secret" not in str(caught.value)
    assert f"127.0.0.1:{port}/line" in str(caught.value)


def test_the_drop_policy_follows_liveness_unless_set() -> None:
    for target, live in (("0", True), ("/dev/video0", True), ("rtsp://host/x", True), ("/data/web.mp4", False)):
        settings = OpencvCamera(source=f"opencv:{target}")
        assert is_live(settings) is live
        assert effective_drop(settings) is (DropPolicy.OLDEST if live else DropPolicy.BLOCK)
    assert effective_drop(OpencvCamera(source="opencv:0", drop=DropPolicy.BLOCK)) is DropPolicy.BLOCK
    assert effective_drop(ImagesCamera(source="images:/data", drop=DropPolicy.NEWEST)) is DropPolicy.NEWEST


def test_what_is_expected_of_a_camera_follows_its_pace() -> None:
    slow = ImagesCamera(source="images:/data", rate_hz=0.1, stall_s=2)
    assert stall_limit_s(slow) == pytest.approx(12)
    assert open_limit_s(slow) < open_limit_s(ImagesCamera(source="images:/data", preload=True))


def test_a_camera_is_built_from_its_settings(video: Path) -> None:
    camera = build_camera(OpencvCamera(source=f"opencv:{video}"))
    camera.open()
    assert isinstance(camera.read(), Picture)
    camera.close()
