"""`inspectd cameras`, `snap` and `record`, as their user types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from engines.tiling import tile_grid
from inspectd.cameras.aravis.driver import AravisDriver
from inspectd.errors import CameraError, OutputError, SettingsError
from inspectd.manual.discover import video_devices
from inspectd.manual.pictures import to_png, write_file, write_new_picture
from inspectd.manual.record import record
from inspectd.manual.snap import snap
from inspectd.settings import AravisCamera, Settings, load_settings
from tests.inspectd.gige import SERIAL, GigeCamera, gige_alone, require_aravis


@pytest.fixture(scope="module", autouse=True)
def _gige_alone() -> Iterator[None]:
    with gige_alone():
        yield


def picture(number: int, colour: bool = False) -> NDArray[np.uint8]:
    shape = (40, 64, 3) if colour else (40, 64)
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    for number in range(1, 6):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number))
    return folder


def configuration(folder: Path, bundle: Bundle, source: str, keys: str = "") -> Path:
    path = folder / "line.toml"
    path.write_text(f'[model]\nbundle = "{bundle.path}"\n[cameras.web]\nsource = "{source}"\n{keys}\n')
    return path


@pytest.fixture
def line(tmp_path: Path, bundle: Bundle, web: Path) -> Settings:
    return load_settings(configuration(tmp_path, bundle, f"images:{web}"))


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inspectd.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )


def read(file: Path) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels.astype(np.uint8)


def recorded(settings: Settings, folder: Path, count: int, every_s: float = 0.0) -> list[Path]:
    return [item for item in record(settings, "web", folder, count, every_s) if isinstance(item, Path)]


def test_snap_shows_the_frame_with_every_tile(line: Settings, bundle: Bundle, tmp_path: Path) -> None:
    snapshot = snap(line, "web", tmp_path / "web.png", plain=False)
    drawn = read(tmp_path / "web.png")
    grid = tile_grid(40, 64, bundle.manifest.tile)
    assert snapshot.tiles == len(grid)
    assert drawn.shape == (40, 64, 3)
    original = cv2.cvtColor(picture(1), cv2.COLOR_GRAY2BGR)
    changed = np.any(drawn != original, axis=-1)
    for y, x in grid.origins:
        assert changed[y, x]
    assert not changed[1:10, 1:10].any()  # lines alone are drawn


def test_snap_plain_is_the_frame_bit_for_bit(line: Settings, tmp_path: Path) -> None:
    told = str(snap(line, "web", tmp_path / "web.png", plain=True))
    np.testing.assert_array_equal(read(tmp_path / "web.png"), picture(1))
    assert told == f"{tmp_path}/web.png: 64×40 px mono8"


def test_plain_needs_no_bundle(tmp_path: Path, web: Path, bundle: Bundle) -> None:
    settings = load_settings(configuration(tmp_path, bundle, f"images:{web}"))
    settings = settings.model_copy(update={"model": settings.model.model_copy(update={"bundle": Path("/nowhere")})})
    snap(settings, "web", tmp_path / "web.png", plain=True)


def test_a_camera_that_is_not_configured_is_told_with_those_that_are(line: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no camera 'edge'; the cameras are web"):
        snap(line, "edge", tmp_path / "web.png", plain=True)


def test_a_frame_that_is_not_whole_is_not_snapped(line: Settings, web: Path, tmp_path: Path) -> None:
    (web / "1.png").write_bytes(b"garbage")
    with pytest.raises(CameraError, match=r"1\.png"):
        snap(line, "web", tmp_path / "web.png", plain=True)
    assert not (tmp_path / "web.png").exists()


def test_record_keeps_every_pixel(line: Settings, tmp_path: Path) -> None:
    files = recorded(line, tmp_path / "good" / "today", 5)
    assert len(set(files)) == 5
    for number, file in enumerate(files, 1):
        np.testing.assert_array_equal(read(file), picture(number))
        assert file.name.startswith("web-20")
    assert set((tmp_path / "good" / "today").iterdir()) == set(files)


def test_record_leaves_out_what_is_not_whole_and_ends_with_the_source(
    line: Settings, web: Path, tmp_path: Path
) -> None:
    (web / "2.png").write_bytes(b"garbage")
    told = list(record(line, "web", tmp_path / "good", 100, 0.0))
    assert len([item for item in told if isinstance(item, Path)]) == 4
    assert ["2.png" in item.detail for item in told if not isinstance(item, Path)] == [True]


def test_record_keeps_its_distance(line: Settings, tmp_path: Path) -> None:
    started = time.monotonic()
    files = recorded(line, tmp_path / "good", 4, every_s=0.1)
    assert time.monotonic() - started >= 0.3
    np.testing.assert_array_equal(read(files[1]), picture(2))  # a folder waits; nothing of it is passed over


@pytest.mark.parametrize(
    ("pixel_format", "shown"),
    [(PixelFormat.MONO8, slice(None)), (PixelFormat.BGR8, slice(None)), (PixelFormat.RGB8, slice(None, None, -1))],
)
def test_pictures_are_lossless_in_the_right_colours(tmp_path: Path, pixel_format: PixelFormat, shown: slice) -> None:
    pixels = picture(1, colour=pixel_format is not PixelFormat.MONO8)
    write_file(tmp_path / "x.png", to_png(pixels, pixel_format))
    expected = pixels if pixel_format is PixelFormat.MONO8 else pixels[..., shown]
    np.testing.assert_array_equal(read(tmp_path / "x.png"), expected)


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    files = [write_new_picture(tmp_path, "a", str(number).encode()) for number in range(3)]
    assert [file.name for file in files] == ["a.png", "a-2.png", "a-3.png"]
    assert [file.read_text() for file in files] == ["0", "1", "2"]
    (tmp_path / ".b.png.part").write_text("another recording is writing this")
    assert write_new_picture(tmp_path, "b", b"").name == "b-2.png"


def test_a_folder_that_cannot_be_written_to_is_told(line: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"{tmp_path}/file/good: cannot be made"):
        recorded(line, tmp_path / "file" / "good", 1)
    with pytest.raises(OutputError, match="cannot be written to"):
        write_new_picture(tmp_path / "nowhere", "a", b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(tmp_path / "nowhere" / "a.png", b"")


def nodes(folder: Path, devices: Iterable[tuple[str, str, str]]) -> Path:
    for node, index, name in devices:
        (folder / node).mkdir(parents=True)
        (folder / node / "index").write_text(f"{index}\n")
        (folder / node / "name").write_text(f"{name}\n")
    return folder


def test_video_devices_are_listed_once_by_their_lasting_name(tmp_path: Path) -> None:
    classes = nodes(
        tmp_path / "class", [("video10", "0", "Web"), ("video2", "0", "Edge: Edge"), ("video3", "1", "Edge: Edge")]
    )
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Edge-video-index0").symlink_to("../../video2")
    assert [(found.source, found.what) for found in video_devices(classes, by_id)] == [
        (f"opencv:{by_id}/usb-Edge-video-index0", "Edge: Edge (Video4Linux, /dev/video2)"),
        ("opencv:/dev/video10", "Web (Video4Linux, /dev/video10)"),
    ]
    assert list(video_devices(tmp_path / "none", by_id)) == []


def test_the_commands(tmp_path: Path, bundle: Bundle, web: Path) -> None:
    config = configuration(tmp_path, bundle, f"images:{web}")
    snapped = command("snap", config, "web", "--out", tmp_path / "web.png")
    assert (snapped.returncode, snapped.stderr) == (0, "")
    assert snapped.stdout.startswith(f"{tmp_path}/web.png: 64×40 px mono8, ")
    taken = command("record", config, "web", "--out", tmp_path / "good", "--count", "3")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout == f"3 pictures written to {tmp_path}/good\n"
    short = command("record", config, "web", "--out", tmp_path / "good", "--count", "9")
    assert short.returncode == 1
    assert short.stdout == f"5 pictures written to {tmp_path}/good\n"
    assert short.stderr == "error: the source ended before 9 pictures were taken\n"
    assert len(list((tmp_path / "good").iterdir())) == 8
    unknown = command("snap", config, "edge", "--out", tmp_path / "web.png")
    assert unknown.returncode == 78


def test_an_interrupted_recording_leaves_whole_pictures(tmp_path: Path, bundle: Bundle, web: Path) -> None:
    config = configuration(tmp_path, bundle, f"images:{web}", "loop = true")
    arguments = ["record", str(config), "web", "--out", str(tmp_path / "good"), "--count", "100000"]
    with subprocess.Popen([sys.executable, "-m", "inspectd.cli", *arguments], stderr=subprocess.PIPE) as recording:
        limit = time.monotonic() + 30
        while len(list((tmp_path / "good").glob("*.png"))) < 3:
            assert time.monotonic() < limit
            time.sleep(0.01)
        recording.send_signal(signal.SIGINT)
        _, errors = recording.communicate(timeout=20)
    assert recording.returncode == 130
    assert b"Traceback" not in errors
    for file in (tmp_path / "good").iterdir():
        assert read(file).shape == (40, 64)


@pytest.fixture
def gige() -> GigeCamera:
    require_aravis()
    return GigeCamera()


def test_with_a_gige_camera(gige: GigeCamera, tmp_path: Path, bundle: Bundle) -> None:
    config = configuration(tmp_path, bundle, "aravis:127.0.0.1", "width = 128\nheight = 64\nrate_hz = 100")
    with gige:
        found = command("cameras")
        assert found.returncode == 0
        assert f'source = "aravis:{SERIAL}"  # Aravis Fake (GigEVision, 127.0.0.1)' in found.stdout.splitlines()
        assert command("snap", config, "web", "--out", tmp_path / "web.png").returncode == 0
        assert read(tmp_path / "web.png").shape == (64, 128, 3)
        taken = command("record", config, "web", "--out", tmp_path / "good", "--count", "4", "--every", "0.05")
        assert taken.returncode == 0
        grey = sorted(int(read(file)[0, 0]) for file in (tmp_path / "good").iterdir())
        assert len(set(grey)) == 4
        holder = AravisDriver(AravisCamera(source="aravis:127.0.0.1"))
        holder.open()  # as the daemon does
        refused = command("record", config, "web", "--out", tmp_path / "more", "--count", "1")
        holder.close()
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: aravis:127.0.0.1: another program controls this camera")


def test_a_software_triggered_camera_is_triggered_by_the_command(
    gige: GigeCamera, tmp_path: Path, bundle: Bundle
) -> None:
    config = configuration(tmp_path, bundle, "aravis:127.0.0.1", 'trigger = "software"\nwidth = 128\nheight = 64')
    with gige:
        assert len(recorded(load_settings(config), tmp_path / "good", 3)) == 3


def test_without_a_camera_the_list_says_so() -> None:
    told = command("cameras")
    assert told.returncode == 0
    assert "Traceback" not in told.stderr
