"""GigE Vision against Aravis' own camera on the loopback interface: the driver, and capture with real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.cameras.aravis.discovery import FoundCamera, choose, discover
from inspectd.cameras.aravis.driver import AravisDriver
from inspectd.cameras.aravis.formats import FORMATS, CameraFormat
from inspectd.cameras.base import BadPicture, Picture
from inspectd.cameras.build import build_camera, effective_drop, is_live, open_limit_s, stall_limit_s
from inspectd.check import check
from inspectd.errors import CameraError
from inspectd.settings import AravisCamera, DropPolicy
from inspectd.wire.models import CameraState, Reason
from tests.inspectd.gige import ADDRESS, SERIAL, GigeCamera, gige_alone, require_aravis
from tests.inspectd.test_capture_supervisor import Sink, capturing, status, until, wait_for_frames

FAST: dict[str, Any] = {"rate_hz": 100.0, "width": 256, "height": 128, "settle_frames": 1}


@pytest.fixture(scope="module", autouse=True)
def _aravis() -> Iterator[None]:
    require_aravis()
    with gige_alone():
        yield


@pytest.fixture
def gige() -> Iterator[GigeCamera]:
    with GigeCamera() as camera:
        yield camera


def settings(source: str = ADDRESS, **keys: object) -> AravisCamera:
    return AravisCamera.model_validate({"source": f"aravis:{source}", **keys})


@contextmanager
def driver(source: str = ADDRESS, **keys: object) -> Iterator[AravisDriver]:
    camera = AravisDriver(settings(source, **keys))
    try:
        camera.open()
        yield camera
    finally:
        camera.close()


def whole(camera: AravisDriver) -> Picture:
    picture = camera.read()
    assert isinstance(picture, Picture)
    return picture


def phase(pixels: NDArray[np.uint8]) -> int:
    """The camera's own count in a picture, modulo 255; the picture must be whole: its grey rises along both axes."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    first = int(pixels[0, 0])
    np.testing.assert_array_equal(pixels, (first + y + x) % 255)
    return first


def test_frames_come_whole_in_order_and_on_time(gige: GigeCamera) -> None:
    with driver(**FAST) as camera:
        before = time.monotonic_ns()
        pictures = []
        for _ in range(20):
            picture = whole(camera)
            assert picture.pixel_format is PixelFormat.MONO8
            assert picture.pixels.shape == (128, 256)
            pictures.append((phase(picture.pixels), picture.captured_monotonic_ns))
            assert picture.captured_monotonic_ns <= time.monotonic_ns()
            assert abs(picture.captured_utc_ns - time.time_ns()) < 5e9
    assert {(later[0] - earlier[0]) % 255 for earlier, later in pairwise(pictures)} == {1}
    assert all(earlier[1] < later[1] for earlier, later in pairwise(pictures))
    assert pictures[0][1] > before - 1e9


def test_the_only_camera_needs_no_name_and_a_serial_number_finds_it(gige: GigeCamera) -> None:
    for source in ("", SERIAL, SERIAL.lower()):
        with driver(source, **FAST) as camera:
            phase(whole(camera).pixels)


def test_settings_reach_the_camera(gige: GigeCamera) -> None:
    wanted = settings(
        pixel_format="BayerRG8", width=640, height=480, offset_x=32, offset_y=16, exposure_us=5000, gain=3, rate_hz=50,
        packet_size=1000, packet_delay_us=2, features={"TestBoolean": True, "BinningVertical": 1},
    )  # fmt: skip
    camera = AravisDriver(wanted)
    camera.open()
    try:
        picture = whole(camera)
        assert (picture.pixels.shape, picture.pixel_format) == ((480, 640, 3), PixelFormat.RGB8)
        device = camera._camera
        assert tuple(device.get_region()) == (32, 16, 640, 480)
        assert device.get_exposure_time() == pytest.approx(5000)
        assert device.get_gain() == pytest.approx(3)
        assert device.get_frame_rate() == pytest.approx(50)
        assert device.gv_get_packet_size() == 1000
        assert device.get_boolean("TestBoolean") is True
        assert device.get_string("GainAuto") == "Off"
    finally:
        camera.close()
        camera.close()


def test_colour_comes_as_rgb(gige: GigeCamera) -> None:
    with driver(pixel_format="RGB8", width=64, height=64) as camera:
        picture = whole(camera)
    assert (picture.pixels.shape, picture.pixel_format) == ((64, 64, 3), PixelFormat.RGB8)


def test_what_the_camera_does_not_take_is_told_with_what_it_takes(gige: GigeCamera) -> None:
    for keys, told in (
        ({"features": {"Widht": 640}}, r"features.Widht = 640: the camera has no feature Widht; did you mean Width"),
        ({"features": {"GainRaw": 11}}, "features.GainRaw = 11: GainRaw is a whole number from 0 to 10"),
        ({"features": {"GainRaw": 1.5}}, "GainRaw is a whole number from 0 to 10"),
        ({"features": {"AcquisitionFrameRate": "fast"}}, "AcquisitionFrameRate is a number from 0.1 to 1000"),
        ({"features": {"TestBoolean": 1}}, "TestBoolean is true or false"),
        ({"features": {"TriggerActivation": "Up"}}, "TriggerActivation is one of RisingEdge"),
        ({"features": {"TriggerSoftware": 1}}, "TriggerSoftware is a command; true runs it"),
        ({"features": {"TestStringReg": 1}}, "TestStringReg is a text"),
        ({"features": {"PayloadSize": 3}}, "PayloadSize can only be read"),
        ({"exposure_us": 8e7}, r"exposure_us = 8e\+07: this camera takes 10 to 1e\+07"),
        ({"gain": 100}, "gain = 100: this camera takes 0 to 10"),
        ({"rate_hz": 1e5}, "rate_hz = 100000: this camera takes 0.1 to 1000"),
        ({"pixel_format": "Mono12p"}, "pixel_format = 'Mono12p': PixelFormat is one of .*Mono8"),
        ({"width": 5000}, "width = 5000: Width is a whole number from 1 to 2048"),
        ({"trigger": "hardware", "trigger_line": "Line0", "trigger_edge": "falling"}, "is one of RisingEdge"),
        ({"trigger": "hardware", "trigger_line": "Line7"}, "trigger_line = 'Line7': .* triggered by Line0, Software"),
    ):
        with pytest.raises(CameraError, match=f"^aravis:{ADDRESS}: .*{told}"), driver(**keys):
            pass


def test_a_pixel_format_that_is_not_read_here_is_told_with_those_that_are(
    gige: GigeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = [code for code, known in FORMATS.items() if known.name == "Mono16"]
    monkeypatch.delitem(cast(dict[int, CameraFormat], FORMATS), code)
    told = r"its pixel format Mono16 is not read here; set pixel_format to one of BayerBG8.*Mono8"
    with pytest.raises(CameraError, match=told), driver(pixel_format="Mono16"):
        pass


def test_features_of_every_type_are_set(gige: GigeCamera) -> None:
    features = {
        "GainRaw": 4,
        "AcquisitionFrameRate": 20,
        "ExposureTimeAbs": 1234.0,
        "GainAuto": "Off",
        "TestBoolean": True,
        "TestStringReg": "left",
        "AcquisitionStop": True,
    }
    with driver(features=features) as camera:
        device = camera._camera
        assert device.get_integer("GainRaw") == 4
        assert device.get_float("AcquisitionFrameRate") == pytest.approx(20)
        assert device.get_float("ExposureTimeAbs") == pytest.approx(1234)
        assert device.get_string("TestStringReg") == "left"


def test_a_software_trigger_takes_one_frame_each(gige: GigeCamera) -> None:
    with driver(trigger="software") as camera:
        waiting: list[Picture | BadPicture | None] = []
        reader = threading.Thread(target=lambda: waiting.append(camera.read()))
        reader.start()
        reader.join(0.3)
        assert waiting == []  # no frame without a trigger
        camera.trigger()
        reader.join(10)
        assert isinstance(waiting[0], Picture)
        for _ in range(3):
            before = time.monotonic_ns()
            camera.trigger()
            assert before < whole(camera).captured_monotonic_ns < time.monotonic_ns()


def test_a_free_running_camera_takes_no_software_trigger(gige: GigeCamera) -> None:
    with driver() as camera, pytest.raises(CameraError, match="set trigger = 'software'"):
        camera.trigger()


def test_a_hardware_trigger_is_set_up(gige: GigeCamera) -> None:
    with driver(trigger="hardware", trigger_line="Line0") as camera:
        device = camera._camera
        assert device.get_string("TriggerMode") == "On"
        assert device.get_trigger_source() == "Line0"
        assert device.get_string("TriggerActivation") == "RisingEdge"


def test_incomplete_frames_are_told_and_never_handed_on() -> None:
    with GigeCamera(lost_ratio=0.01), driver(**FAST) as camera:
        pictures = [camera.read() for _ in range(60)]
    bad = [picture for picture in pictures if isinstance(picture, BadPicture)]
    good = [picture for picture in pictures if isinstance(picture, Picture)]
    assert len(good) > 0
    assert any(picture.detail.endswith("incomplete (missing-packets)") for picture in bad)


def test_every_frame_that_the_camera_took_is_accounted_for() -> None:
    """Whole, incomplete, and those that found no buffer while nobody read: the camera's count shows none was lost."""
    with GigeCamera(lost_ratio=0.004), driver(**FAST) as camera:
        last, told = phase(whole_one(camera).pixels), 0
        paused = False
        reasons = Counter[str]()
        for _ in range(150):
            picture = camera.read()
            if isinstance(picture, BadPicture):
                told += 1
                reasons[picture.reason] += 1
                continue
            assert picture is not None
            now = phase(picture.pixels)
            assert (now - last) % 255 == told + 1
            last, told = now, 0
            if not paused:
                paused = True
                time.sleep(0.3)
    assert set(reasons) == {Reason.BAD_FRAME, Reason.OVERRUN}


def whole_one(camera: AravisDriver) -> Picture:
    while not isinstance(picture := camera.read(), Picture):
        pass
    return picture


def test_a_camera_that_is_not_there_is_told_with_those_that_are(gige: GigeCamera) -> None:
    with pytest.raises(CameraError, match=rf"aravis:XX: no camera .* 'XX' answers.*Cameras here: aravis:{SERIAL} \("):
        AravisDriver(settings("XX")).open()


def test_a_lost_triggered_camera_is_noticed_without_frames() -> None:
    with GigeCamera() as gige, driver(trigger="software") as camera:
        gige.kill()
        camera.look()
        with pytest.raises(CameraError, match="lost: it answers no more"):
            camera.read()
        with pytest.raises(CameraError, match="lost: it answers no more"):
            camera.look()


def test_a_software_trigger_that_brings_no_frame_is_not_waited_for_without_end() -> None:
    with GigeCamera(lost_ratio=1.0), driver(trigger="software", stall_s=0.5) as camera:
        camera.trigger()
        with pytest.raises(CameraError, match=r"no frame for 0\.4 s"):
            camera.read()


def test_frames_through_a_capture_process(gige: GigeCamera) -> None:
    sink = Sink()
    with capturing(sink, line=settings(**FAST)) as supervisor:
        until(lambda: len(sink.frames) >= 20, "frames")
        assert status(supervisor, "line").state is CameraState.RUNNING
    assert sink.cameras_lost == []
    phases = [phase(pixels) for pixels in sink.pixels]
    lost = {loss.number for loss in sink.losses}
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))
    for (earlier, before), (later, after) in pairwise(zip(sink.frames, phases, strict=True)):
        between = set(range(earlier.number + 1, later.number))
        assert between <= lost
        assert (after - before) % 255 == 1 + len(between)


def test_the_daemons_trigger_reaches_the_camera_and_its_frame_bears_the_part(gige: GigeCamera) -> None:
    sink = Sink()
    with capturing(sink, line=settings(trigger="software", width=256, height=128)) as supervisor:
        until(lambda: status(supervisor, "line").state is CameraState.RUNNING, "the camera")
        for number, part in enumerate("abc", 1):
            assert supervisor.fire("line", part) is None
            wait_for_frames(sink, number)
    assert [frame.part for frame in sink.frames] == ["a", "b", "c"]
    assert sink.losses == []


def test_a_camera_that_vanishes_is_lost_and_comes_back_as_it_was() -> None:
    sink = Sink()
    keys: dict[str, Any] = {**FAST, "pixel_format": "RGB8", "stall_s": 1, "backoff_max_s": 1}
    with GigeCamera() as gige, capturing(sink, line=settings(**keys)) as supervisor:
        until(lambda: len(sink.frames) >= 5, "frames")
        gige.kill()
        until(lambda: sink.cameras_lost, "the loss")
        before = len(sink.frames)
        gige.start()
        back = time.monotonic()
        until(lambda: len(sink.frames) >= before + 5, "frames again")
        assert time.monotonic() - back < 10
        assert status(supervisor, "line").state is CameraState.RUNNING
    ((camera, detail),) = sink.cameras_lost
    assert camera == "line"
    assert "no frame for 0.8 s: nothing comes from it; check its power and cable" in detail
    assert {(pixels.shape, frame.pixel_format) for pixels, frame in zip(sink.pixels, sink.frames, strict=True)} == {
        ((128, 256, 3), PixelFormat.RGB8)
    }


def test_incomplete_frames_become_errors_of_their_own() -> None:
    sink = Sink()
    with GigeCamera(lost_ratio=0.02), capturing(sink, line=settings(**FAST)):
        until(lambda: len(sink.losses) >= 5, "lost frames")
    assert {loss.reason for loss in sink.losses} <= {Reason.BAD_FRAME, Reason.OVERRUN}
    assert any("incomplete" in loss.detail for loss in sink.losses)
    for pixels in sink.pixels:
        phase(pixels)


def test_discovery(gige: GigeCamera) -> None:
    (found,) = [camera for camera in discover() if camera.address == ADDRESS]
    assert (found.serial, found.protocol, found.source) == (SERIAL, "GigEVision", f"aravis:{SERIAL}")


def found_camera(serial: str, address: str) -> FoundCamera:
    return FoundCamera(f"Acme-{serial}", "Acme", "A1", serial, address, f"mac-{serial}", "GigEVision")


def test_a_name_that_means_several_cameras_is_told_with_them() -> None:
    left, right = found_camera("100", "10.0.0.1"), found_camera("200", "10.0.0.2")
    assert choose("200", (left, right)) is right
    assert choose("10.0.0.1", (left, right)) is left
    with pytest.raises(CameraError, match=r"several cameras are meant.*aravis:100 .*aravis:200 "):
        choose("", (left, right))
    with pytest.raises(CameraError, match=r"no camera answers.*Cameras here: none"):
        choose("", ())


def test_what_is_expected_of_it() -> None:
    free, triggered = settings(settle_frames=4, stall_s=2), settings(trigger="hardware")
    assert is_live(free)
    assert effective_drop(free) is DropPolicy.OLDEST
    assert open_limit_s(free) == pytest.approx(30 + 4 * 2)
    assert open_limit_s(triggered) == pytest.approx(30)
    assert stall_limit_s(triggered) == float("inf")
    assert stall_limit_s(settings(trigger="software", stall_s=2)) == pytest.approx(2)  # from the trigger on
    assert isinstance(build_camera(free), AravisDriver)


def test_an_offset_goes_with_a_size() -> None:
    with pytest.raises(ValidationError, match="set height as well"):
        settings(width=64, offset_x=8, offset_y=8)


def test_a_rate_and_a_trigger_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="the trigger sets the pace"):
        settings(trigger="software", rate_hz=5)


def configuration(folder: Path, bundle: Bundle, source: str) -> Path:
    path = folder / "line.toml"
    path.write_text(
        f'[model]\nbundle = "{bundle.path}"\n[cameras.web]\nsource = "{source}"\n'
        f'[journal]\npath = "{folder}/journal.db"\n'
    )
    return path


def test_the_check_looks_for_the_camera_and_does_not_open_it(gige: GigeCamera, tmp_path: Path, bundle: Bundle) -> None:
    with driver():  # as by the running daemon
        assert not any("cameras." in problem for problem in check(configuration(tmp_path, bundle, "aravis:")).problems)
    (problem,) = [text for text in check(configuration(tmp_path, bundle, "aravis:XX")).problems if "cameras." in text]
    assert "no camera with serial number or address 'XX' answers" in problem
    notes = check(configuration(tmp_path, bundle, "aravis:192.0.2.9")).notes
    assert any("The daemon will speak to this address all the same" in note for note in notes)


def test_aravis_is_loaded_only_where_it_is_used() -> None:
    program = "import sys, inspectd.capture.worker, inspectd.check; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "inspectd.cameras.aravis.driver" in told.stdout.split()
    assert "gi" not in told.stdout.split()


def test_debians_other_packages_do_not_shadow_the_environments() -> None:
    program = (
        "import sys; from inspectd.cameras.introspection import DEBIAN_PACKAGES, load; load('Aravis', '0.8');"
        "print(DEBIAN_PACKAGES in sys.path)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
