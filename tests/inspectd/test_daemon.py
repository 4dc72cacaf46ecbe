"""The daemon as its user starts it: a process, a configuration, signals, and what is in the journal afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import zmq

from engines.bundle import Bundle
from inspectd.errors import CameraError, EngineFailure, PublishError, SettingsError
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon, wait_until


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A folder of 12 frames; the fifth has a defect."""
    folder = tmp_path / "web"
    folder.mkdir()
    for index in range(1, 13):
        picture = surface_picture(index, 100, 140)
        cv2.imwrite(str(folder / f"{index}.png"), spot(picture, 40, 60) if index == 5 else picture)
    return folder


def test_a_folder_is_inspected_from_end_to_end(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}"}})
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    verdicts = configuration.verdicts_in_journal()
    assert [verdict["frame"] for verdict in verdicts] == list(range(1, 13))
    assert [verdict["outcome"] for verdict in verdicts] == ["PASS"] * 4 + ["FAIL"] + ["PASS"] * 7
    assert Path(verdicts[4]["source"]).name == "5.png"
    region = verdicts[4]["regions"][0]
    assert abs(region["centroid_x"] - 68) < 4
    assert abs(region["centroid_y"] - 48) < 4
    assert {verdict["bundle"] for verdict in verdicts} == {bundle.path.name}


def test_sigterm_drains(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    camera = {"source": f"images:{web}", "loop": True}
    configuration = Configuration(tmp_path, bundle, {"web": camera})
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(50)
        assert daemon.terminate() == 0, daemon.log.read_text()
    frames = [verdict["frame"] for verdict in configuration.verdicts_in_journal()]
    assert sorted(frames) == list(range(1, len(frames) + 1))


def test_numbers_go_on_over_restarts_and_kills(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    for _ in range(3):
        with RunningDaemon(configuration) as daemon:
            daemon.wait_for_verdicts(daemon.journaled() + 40)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.wait()
    verdicts = configuration.verdicts_in_journal()
    assert [verdict["sequence"] for verdict in verdicts] == list(range(1, len(verdicts) + 1))
    assert len({verdict["boot"] for verdict in verdicts}) == 3
    frames = Counter((verdict["boot"], verdict["frame"]) for verdict in verdicts)
    assert set(frames.values()) == {1}


def test_a_camera_that_is_not_there_is_an_error_and_the_others_go_on(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    cameras: dict[str, dict[str, object]] = {
        "web": {"source": f"images:{web}", "loop": True},
        "gone": {"source": "opencv:/dev/video77"},
    }
    configuration = Configuration(tmp_path, bundle, cameras)
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(100)
        assert daemon.terminate() == 0, daemon.log.read_text()
    verdicts = configuration.verdicts_in_journal()
    gone = [verdict for verdict in verdicts if verdict["camera"] == "gone"]
    assert [(verdict["outcome"], verdict["reason"], verdict["frame"]) for verdict in gone] == [
        ("ERROR", "camera_lost", None)
    ]
    assert "/dev/video77" in gone[0]["detail"]


def test_a_truncated_picture_is_an_error_and_the_next_is_judged(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    os.truncate(web / "3.png", 2000)
    (web / "4.png").write_bytes(b"no picture")
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}"}})
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    said = {
        verdict["frame"]: (verdict["outcome"], verdict["reason"]) for verdict in configuration.verdicts_in_journal()
    }
    assert said[3] == said[4] == ("ERROR", "bad_frame")
    assert said[5] == ("FAIL", None)
    assert said[6] == ("PASS", None)
    assert len(said) == 12


@pytest.mark.parametrize(("blank", "said"), [(True, ("ERROR", "blank")), (False, ("FAIL", None))])
def test_black_frames_never_pass(bundle: Bundle, tmp_path: Path, blank: bool, said: tuple[str, str | None]) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((100, 140), np.uint8))
    web = {"source": f"images:{tmp_path / 'black.png'}", "blank": blank}
    configuration = Configuration(tmp_path, bundle, {"web": web})
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    assert [(verdict["outcome"], verdict["reason"]) for verdict in configuration.verdicts_in_journal()] == [said]


def refused(configuration: Configuration, *arguments: str) -> tuple[int, str]:
    with RunningDaemon(configuration, *arguments) as daemon:
        code = daemon.wait()
    return code, daemon.log.read_text()


def test_a_port_in_use_is_told(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    (tmp_path / "other").mkdir()
    first = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    second = Configuration(tmp_path / "other", bundle, {"web": {"source": f"images:{web}"}})
    second.path.write_text(second.path.read_text().replace(second.verdicts, first.verdicts))
    with RunningDaemon(first) as daemon:
        daemon.wait_for_verdicts(1)
        code, told = refused(second)
    assert code == PublishError.exit_code
    assert first.verdicts in told
    assert "publish.verdicts" in told
    assert "Traceback" not in told


def test_no_frame_is_taken_before_every_address_is_bound(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}"}})
    with zmq.Context() as context, context.socket(zmq.ROUTER) as another:
        another.bind(configuration.control)
        code, told = refused(configuration)
    assert code == PublishError.exit_code
    assert "control.address" in told
    assert '"camera": "web"' not in told
    assert configuration.verdicts_in_journal() == []


def test_two_daemons_on_one_journal_are_refused(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    (tmp_path / "other").mkdir()
    first = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    second = Configuration(tmp_path / "other", bundle, {"web": {"source": f"images:{web}"}})
    second.path.write_text(second.path.read_text().replace(str(second.journal), str(first.journal)))
    with RunningDaemon(first) as daemon:
        daemon.wait_for_verdicts(1)
        code, told = refused(second)
    assert code != 0
    assert str(daemon.process.pid) in told
    assert "Traceback" not in told


def test_a_typo_in_the_configuration_is_told(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "lop": True}})
    code, told = refused(configuration)
    assert code == SettingsError.exit_code
    assert "cameras.web.lop: no such setting" in told
    assert "Traceback" not in told


def test_a_damaged_bundle_is_refused(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    damaged = Path(shutil.copytree(bundle.path, tmp_path / bundle.path.name))
    with (damaged / "centroids.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}"}})
    configuration.path.write_text(configuration.path.read_text().replace(str(bundle.path), str(damaged)))
    code, told = refused(configuration)
    assert code != 0
    assert "centroids.npy: its content does not match its hash" in told
    assert "Traceback" not in told


def test_it_leaves_nothing_behind(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    before = set(Path("/dev/shm").iterdir())  # noqa: S108 - where shared memory would be left
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(10)
        children = psutil.Process(daemon.process.pid).children(recursive=True)
        assert children
        daemon.process.kill()
        daemon.wait()
        wait_until(lambda: not any(child.is_running() for child in children), "the capture processes are gone")
    assert set(Path("/dev/shm").iterdir()) <= before  # noqa: S108 - as above


def test_a_source_that_is_not_there_ends_a_run_until_ended_with_a_fault(
    bundle: Bundle, tmp_path: Path, web: Path
) -> None:
    cameras = {"web": {"source": f"images:{web}"}, "gone": {"source": f"images:{tmp_path / 'none'}"}}
    configuration = Configuration(tmp_path, bundle, cameras)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == CameraError.exit_code
    judged = [verdict for verdict in configuration.verdicts_in_journal() if verdict["camera"] == "web"]
    assert len(judged) == 12


def test_an_engine_that_hangs_ends_the_daemon_and_its_frames_are_errors(
    bundle: Bundle, tmp_path: Path, web: Path
) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    configuration.path.write_text(configuration.path.read_text().replace("[engine]", "[engine]\ntimeout_s = 1.0"))
    with RunningDaemon(configuration, program=("-m", "tests.faults.faulty_daemon", "hung")) as daemon:
        assert daemon.wait() == EngineFailure.exit_code
    verdicts = configuration.verdicts_in_journal()
    assert sorted(verdict["frame"] for verdict in verdicts) == list(range(1, len(verdicts) + 1))
    assert {verdict["outcome"] for verdict in verdicts} == {"PASS", "FAIL", "ERROR"}
    assert {verdict["reason"] for verdict in verdicts} == {None, "engine_failed"}


def test_a_journal_that_is_held_up_makes_late_verdicts_errors(bundle: Bundle, tmp_path: Path, web: Path) -> None:
    camera = {"source": f"images:{web}", "loop": True, "rate_hz": 50.0, "deadline_ms": 500}
    configuration = Configuration(tmp_path, bundle, {"web": camera})
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(20)
        with sqlite3.connect(configuration.journal, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(2.0)
            other.execute("ROLLBACK")
        daemon.wait_for_verdicts(100)
        assert daemon.terminate() == 0, daemon.log.read_text()
    verdicts = configuration.verdicts_in_journal()
    assert sorted(verdict["frame"] for verdict in verdicts) == list(range(1, len(verdicts) + 1))
    for verdict in verdicts:
        assert verdict["outcome"] == "ERROR" or verdict["latency_ms"] <= verdict["deadline_ms"]
    assert "deadline" in {verdict["reason"] for verdict in verdicts}
