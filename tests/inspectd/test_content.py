from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.cameras.base import Picture
from inspectd.cameras.build import may_freeze
from inspectd.capture.content import ContentCheck
from inspectd.client import Client
from inspectd.client import Picture as Shown
from inspectd.settings import make_settings
from inspectd.wire.models import Outcome, Reason
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon


def picture(pixels: NDArray[np.uint8], at_s: float = 0.0) -> Picture:
    pixel_format = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.RGB8
    return Picture(pixels, pixel_format, int(at_s * 1e9), time.time_ns())


def noisy(level: int, seed: int = 0, spread: int = 2) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(-spread, spread + 1, (480, 640))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("level", "told"), [(0, "lens cap"), (255, "exposure and the gain")])
def test_black_and_saturated_pictures_are_no_pictures(level: int, told: str) -> None:
    check = ContentCheck(blank=True, frozen=False)
    fault = check.fault(picture(noisy(level)))
    assert fault is not None
    assert fault.reason is Reason.BLANK
    assert told in fault.detail


@pytest.mark.parametrize("level", [8, 120, 245])
def test_a_dark_or_bright_surface_is_still_a_picture(level: int) -> None:
    assert ContentCheck(blank=True, frozen=False).fault(picture(noisy(level))) is None


def test_a_black_picture_with_something_in_it_is_inspected() -> None:
    pixels = noisy(0)
    pixels[200:260, 300:360] = 90
    assert ContentCheck(blank=True, frozen=False).fault(picture(pixels)) is None


def test_the_same_picture_twice_is_told_and_for_how_long() -> None:
    check = ContentCheck(blank=True, frozen=True)
    assert check.fault(picture(noisy(100, 1), 1.0)) is None
    for at_s in (1.1, 1.2, 1.3):
        repeated = picture(noisy(100, 1), at_s)
        fault = check.fault(repeated)
        assert fault is not None
        assert fault.reason is Reason.FROZEN
        assert check.frozen_s(repeated) == pytest.approx(at_s - 1.1)
    alive = picture(noisy(100, 2), 1.4)
    assert check.fault(alive) is None
    assert check.frozen_s(alive) == 0


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ({"source": "images:/data"}, False),
        ({"source": "opencv:/data/film.mp4"}, False),
        ({"source": "opencv:rtsp://192.0.2.1/a"}, False),
        ({"source": "opencv:/dev/video0"}, True),
        ({"source": "aravis:"}, True),
        ({"source": "v4l2:/dev/video0"}, True),
        ({"source": "v4l2:/dev/video0", "jpeg": True}, False),
        ({"source": "images:/data", "frozen": True}, True),
        ({"source": "aravis:", "frozen": False}, False),
    ],
)
def test_sensors_never_repeat_themselves_files_and_streams_may(camera: dict[str, object], expected: bool) -> None:
    settings = make_settings({"model": {"bundle": "b"}, "cameras": {"web": camera}}, origin="test")
    assert may_freeze(settings.cameras["web"]) is expected


def test_a_camera_that_freezes_or_goes_dark_is_an_error_and_is_lost_when_it_lasts(
    tmp_path: Path, bundle: Bundle
) -> None:
    (tmp_path / "web").mkdir()
    shown = [surface_picture(1), surface_picture(1), np.zeros((64, 96, 3), np.uint8), surface_picture(2)]
    for index, pixels in enumerate([*shown, *(surface_picture(3) for _ in range(40))]):
        cv2.imwrite(str(tmp_path / "web" / f"{index}.png"), pixels)
    web = {"source": f"images:{tmp_path / 'web'}", "frozen": True, "stall_s": 0.5, "rate_hz": 20.0}
    configuration = Configuration(tmp_path, bundle, {"web": web})
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(20)
        assert daemon.terminate() == 0
    verdicts = configuration.verdicts_in_journal()
    assert [verdict["reason"] for verdict in verdicts[:5]] == [None, "frozen", "blank", None, None]
    lost = next(verdict for verdict in verdicts if verdict["reason"] == "camera_lost")
    assert "the camera or its driver is frozen" in lost["detail"]


def test_who_looks_on_sees_what_a_dark_camera_shows(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "web").mkdir()
    cv2.imwrite(str(tmp_path / "web" / "1.png"), np.full((64, 96, 3), 2, np.uint8))
    web = {"source": f"images:{tmp_path / 'web'}", "loop": True, "rate_hz": 50.0}
    configuration = Configuration(tmp_path, bundle, {"web": web})
    with (
        RunningDaemon(configuration) as daemon,
        Client(configuration.verdicts, pictures=configuration.pictures) as client,
    ):
        shown = next(event for event in client if isinstance(event, Shown))
        assert daemon.terminate() == 0
    assert shown.header.outcome is Outcome.ERROR
    pixels = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    assert pixels.shape == (64, 96)
    assert pixels.max() < 10
    verdicts = configuration.verdicts_in_journal()
    assert {(verdict["outcome"], verdict["reason"]) for verdict in verdicts} == {("ERROR", "blank")}
