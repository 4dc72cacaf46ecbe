from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import pytest

from engines.bundle import Bundle
from inspectd.check import check
from inspectd.journal import Journal
from inspectd.keys.store import KeyStore
from inspectd.settings import load_settings
from tests.bundles import surface_picture
from tests.daemons import free_port


class Configured:
    """A configuration file that is sound, to be spoilt."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.folder = folder
        self.bundle = bundle.path
        (folder / "web").mkdir()
        cv2.imwrite(str(folder / "web" / "1.png"), surface_picture(1))
        self.path = folder / "line.toml"
        self.path.write_text(f"""
publisher = "line-3"

[model]
bundle = "{bundle.path}"

[cameras.web]
source = "images:{folder}/web"

[publish]
verdicts = "tcp://127.0.0.1:{free_port()}"
maps = "tcp://127.0.0.1:{free_port()}"
replay = "tcp://127.0.0.1:{free_port()}"
pictures = "tcp://127.0.0.1:{free_port()}"

[control]
address = "tcp://127.0.0.1:{free_port()}"

[metrics]
address = "127.0.0.1:{free_port()}"

[journal]
path = "{folder}/journal.db"
""")

    def replace(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    def problems(self) -> str:
        return "\n".join(check(self.path).problems)


@pytest.fixture
def configured(tmp_path: Path, bundle: Bundle) -> Configured:
    return Configured(tmp_path, bundle)


def test_a_sound_configuration_has_no_problems(configured: Configured) -> None:
    found = check(configured.path)
    assert found.problems == ()
    assert not (configured.folder / "journal.db").exists()


def test_what_is_printed_says_the_same_as_what_is_in_effect(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECTD_ENGINE__THREADS", "3")
    monkeypatch.setenv("INSPECTD_CAMERAS__WEB__RATE_HZ", "12.5")
    effective = check(configured.path).effective
    assert effective is not None
    assert "threads = 3  # from INSPECTD_ENGINE__THREADS" in effective
    assert "rate_hz = 12.5  # from INSPECTD_CAMERAS__WEB__RATE_HZ" in effective
    in_effect = load_settings(configured.path)
    monkeypatch.delenv("INSPECTD_ENGINE__THREADS")
    monkeypatch.delenv("INSPECTD_CAMERAS__WEB__RATE_HZ")
    assert tomllib.loads(effective)["engine"]["threads"] == 3
    configured.path.write_text(effective)
    assert load_settings(configured.path) == in_effect


def test_every_problem_is_told_at_once(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_ENGNE__THREADS", "3")
    with configured.path.open("a") as file:
        file.write("""
max_agge_days = 3
[cameras.edge]
source = "opencv:/dev/video77"
[cameras.film]
source = "opencv:/nowhere/film.mp4"
[cameras.odd]
source = "webcam:0"
""")
    configured.replace(str(configured.bundle), "/nowhere/brick-0123456789abcdef")
    configured.replace(f"images:{configured.folder}/web", "images:/nowhere/*.png")
    problems = configured.problems()
    for told in (
        "journal.max_agge_days: no such setting",
        "INSPECTD_ENGNE__THREADS: no such setting",
        "cameras.odd = {'source': 'webcam:0'}: source must begin with the kind of camera: 'images:', 'opencv:'",
        "model.bundle: /nowhere/brick-0123456789abcdef: no such bundle",
        "cameras.web.source: images:/nowhere/*.png: matches no file",
        "cameras.edge.source = 'opencv:/dev/video77': no such device",
        "cameras.film.source: opencv:/nowhere/film.mp4: no such file",
    ):
        assert told in problems


def test_a_damaged_bundle_is_told(configured: Configured) -> None:
    damaged = Path(shutil.copytree(configured.bundle, configured.folder / configured.bundle.name))
    (damaged / "model.onnx").unlink()
    configured.replace(str(configured.bundle), str(damaged))
    assert f"model.bundle: {damaged}/model.onnx: missing" in configured.problems()


def test_an_empty_folder_is_told(configured: Configured) -> None:
    (configured.folder / "web" / "1.png").unlink()
    assert "no picture in this folder" in configured.problems()


def test_a_stream_is_left_alone_and_said_so(configured: Configured) -> None:
    configured.replace(f"images:{configured.folder}/web", "opencv:rtsp://192.0.2.1/stream")
    found = check(configured.path)
    assert found.problems == ()
    assert "a stream is not opened by this check" in found.notes[0]


@pytest.mark.parametrize(
    ("folder", "told"), [("/nowhere", "the directory /nowhere does not exist"), ("/proc", "may not write to /proc")]
)
def test_the_journals_directory_is_looked_at(configured: Configured, folder: str, told: str) -> None:
    configured.replace(f"{configured.folder}/journal.db", f"{folder}/journal.db")
    assert told in configured.problems()


@pytest.mark.parametrize(
    ("archive", "told"), [("/nowhere/archive", "/nowhere is no directory"), ("/proc/archive", "may not write to /proc")]
)
def test_the_archives_directory_is_looked_at(configured: Configured, archive: str, told: str) -> None:
    configured.replace("[journal]", f'[archive]\npath = "{archive}"\n[journal]')
    assert told in configured.problems()


def test_a_file_that_is_no_journal_is_told(configured: Configured) -> None:
    (configured.folder / "journal.db").write_text("notes " * 1000)
    assert "this is no SQLite file" in configured.problems()


def test_a_port_in_use_is_told(configured: Configured) -> None:
    maps = load_settings(configured.path).publish.maps
    with socket.create_server(("127.0.0.1", int(maps.rpartition(":")[2]))):
        problems = configured.problems()
    assert f"publish.maps = '{maps}': is in use by another program" in problems


def test_one_port_for_two_is_told(configured: Configured) -> None:
    publish = load_settings(configured.path).publish
    configured.replace(publish.maps, publish.verdicts.replace("127.0.0.1", "*"))
    assert "publish.verdicts has this port already; give each its own" in configured.problems()


def test_the_port_for_metrics_is_tried_as_well(configured: Configured) -> None:
    settings = load_settings(configured.path)
    address = settings.metrics.address
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        assert f"metrics.address = '{address}': is in use by another program" in configured.problems()
    taken = settings.control.address.removeprefix("tcp://")
    configured.replace(f'"{address}"', f'"{taken}"')
    assert f"metrics.address = '{taken}': control.address has this port already" in configured.problems()
    configured.replace(f'[metrics]\naddress = "{taken}"', '[metrics]\naddress = ""')
    assert configured.problems() == ""


def test_a_text_that_is_no_address_is_told(configured: Configured) -> None:
    publish = load_settings(configured.path).publish
    configured.replace(publish.replay, "localhost")
    assert "publish.replay = 'localhost': is not an address" in configured.problems()


def test_local_sockets_are_not_taken_from_who_listens_there(configured: Configured) -> None:
    publish = load_settings(configured.path).publish
    configured.replace(publish.verdicts, f"ipc://{configured.folder}/verdicts")
    configured.replace(publish.maps, "ipc:///nowhere/maps")
    problems = configured.problems()
    assert "publish.maps = 'ipc:///nowhere/maps': /nowhere does not exist" in problems
    assert "publish.verdicts" not in problems
    assert not (configured.folder / "verdicts").exists()


def test_a_running_daemon_does_not_make_its_own_ports_a_problem(configured: Configured) -> None:
    settings = load_settings(configured.path)
    port = int(settings.publish.verdicts.rpartition(":")[2])
    with Journal(settings.journal.path, 30, 64), socket.create_server(("127.0.0.1", port)):
        found = check(configured.path)
    assert found.problems == ()
    assert "the daemon runs" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "told"), [("[model\n", "not TOML"), ("", "model: must be set"), (None, "cannot be read: No such file")]
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "line.toml"
    if content is not None:
        path.write_text(content)
    found = check(path)
    assert found.effective is None
    assert told in "\n".join(found.problems)


def run_check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inspectd.cli", "check", str(path)], capture_output=True, text=True, check=False
    )


def test_the_command(configured: Configured) -> None:
    sound = run_check(configured.path)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert tomllib.loads(sound.stdout)["publisher"] == "line-3"
    configured.replace(str(configured.bundle), "/nowhere")
    spoilt = run_check(configured.path)
    assert spoilt.returncode == 78
    assert tomllib.loads(spoilt.stdout)["model"]["bundle"] == "/nowhere"
    assert spoilt.stderr.startswith("problem: model.bundle: /nowhere: no such bundle")


def test_the_keys_are_looked_at(configured: Configured) -> None:
    store = KeyStore(configured.folder / "keys")
    configured.replace("[journal]", f'[security]\nkeys = "{store.directory}"\n[journal]')
    assert (
        f"security.keys = '{store.directory}': {store.directory}/server.key_secret: no such file"
        in configured.problems()
    )
    store.make_server()
    found = check(configured.path)
    assert found.problems == ()
    assert any("lets nobody in yet" in note for note in found.notes)
    store.make_client("plc", configured.folder / "plc")
    assert check(configured.path).notes == ()
    (store.directory / "clients" / "plc.key").write_text("")
    assert "plc.key: has no public-key" in configured.problems()


def test_what_is_open_on_purpose_is_noted(configured: Configured) -> None:
    control = load_settings(configured.path).control.address
    configured.replace(control, control.replace("127.0.0.1", "*"))
    assert "other machines reach it" in configured.problems()
    configured.replace("[journal]", "[security]\ninsecure = true\n[journal]")
    found = check(configured.path)
    assert found.problems == ()
    assert "security.insecure = true: control.address" in found.notes[0]
