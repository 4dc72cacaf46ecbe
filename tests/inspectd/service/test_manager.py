"""The daemon and its service manager: a real process, a real socket, and what is told when."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from engines.bundle import Bundle
from inspectd.client import Controller
from inspectd.errors import ClientError, SettingsError
from inspectd.service.manager import ServiceManager
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon
from tests.faults.stuck_daemon import STUCK_FROM
from tests.managing import Manager, manager_in

WATCHDOG_S = 20.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), surface_picture(index, 100, 140))
    return folder


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with manager_in(tmp_path, WATCHDOG_S) as listening:
        yield listening


@pytest.fixture
def line(bundle: Bundle, tmp_path: Path, pictures: Path) -> Configuration:
    camera = {"source": f"images:{pictures}", "loop": True, "rate_hz": 20.0}
    return Configuration(tmp_path, bundle, {"web": camera})


def daemon_under(manager: Manager, line: Configuration, stage: str | None = None) -> RunningDaemon:
    program = ("-m", "inspectd.cli", "run") if stage is None else ("-m", "tests.faults.stuck_daemon", stage)
    return RunningDaemon(line, program=program, environment=manager.environment)


def test_a_life_from_start_to_drain(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line) as daemon:
        manager.wait_for("WATCHDOG", "1")
        manager.wait(lambda: bool(re.search("web running; [1-9]", manager.status)), "verdicts are told of")
        assert daemon.terminate() == 0, daemon.log.read_text()
    manager.listen()
    heard = [next(iter(told)) for told in manager.heard]
    assert heard.index("READY") < heard.index("WATCHDOG") < heard.index("STOPPING")
    assert heard.count("READY") == heard.count("STOPPING") == 1
    assert "golden" in next(told["STATUS"] for told in manager.heard[: heard.index("READY")])
    stopping = manager.heard[heard.index("STOPPING")]
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 10_000_000  # drain_s
    assert manager.status == "stopped"
    assert manager.senders == {daemon.process.pid}


def test_what_it_starts_does_not_speak_in_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with manager_in(tmp_path, WATCHDOG_S) as manager:
        for name, value in manager.environment.items():
            monkeypatch.setenv(name, value)
        with ServiceManager() as told:
            assert manager.environment.keys() & os.environ.keys() == set()
            told.ready()
        manager.wait(lambda: manager.heard == [{"READY": "1"}], "READY=1")


def test_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with Manager(f"@inspectd-test-{os.getpid()}") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
        with ServiceManager() as told:
            told.status("one\nREADY=1\ntwo " + "é" * 5000)
            told.alive()  # nobody watches
        manager.wait(lambda: len(manager.heard) == 1, "STATUS")
    assert manager.heard[0].keys() == {"STATUS"}
    assert manager.status.startswith("one READY=1 two é")


@pytest.mark.parametrize("process", [str(os.getppid()), "nonsense"])
def test_a_watchdog_that_is_not_ours_is_not_told(
    process: str, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**manager.environment, "WATCHDOG_PID": process}.items():
        monkeypatch.setenv(name, value)
    with ServiceManager() as told:
        told.alive()
        told.ready()
    manager.wait(lambda: manager.heard == [{"READY": "1"}], "READY=1 alone")


def test_a_manager_that_is_gone_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with ServiceManager() as told:
        told.ready()


def test_a_damaged_bundle_is_never_ready(manager: Manager, line: Configuration, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(line.bundle.path, tmp_path / line.bundle.path.name))
    file = damaged / "centroids.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x55")
    line.path.write_text(line.path.read_text().replace(str(line.bundle.path), str(damaged)))
    with daemon_under(manager, line) as daemon:
        assert daemon.wait() == SettingsError.exit_code
    manager.listen()
    assert manager.count("READY", "1") == 0
    assert manager.status.startswith("cannot start: ")
    assert file.name in manager.status


def test_an_engine_that_fails_the_golden_check_is_never_ready(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line, "golden") as daemon:
        assert daemon.wait() != 0
    manager.listen()
    assert manager.count("READY", "1") == 0
    assert "golden tiles differ" in manager.status


def test_a_lost_camera_is_told_in_words(manager: Manager, bundle: Bundle, tmp_path: Path, pictures: Path) -> None:
    cameras: dict[str, dict[str, object]] = {
        "web": {"source": f"images:{pictures}", "loop": True, "rate_hz": 20.0},
        "side": {"source": "opencv:/dev/video77"},
    }
    with daemon_under(manager, Configuration(tmp_path, bundle, cameras)):
        manager.wait(
            lambda: "web running" in manager.status and "side lost" in manager.status, "both cameras are told of"
        )
        assert "/dev/video77" in manager.status
        manager.wait_for("WATCHDOG", "1")  # a camera that is away is no reason to end the others


def test_a_typo_at_reload_is_told_and_the_line_goes_on(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line) as daemon:
        daemon.wait_for_verdicts(5)
        good = line.path.read_text()
        line.path.write_text(good.replace("loop", "lop"))
        daemon.process.send_signal(signal.SIGHUP)
        manager.wait(lambda: "cameras.web.lop: no such setting" in manager.status, "the typo is told of")
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        line.path.write_text(good)
        daemon.process.send_signal(signal.SIGHUP)
        manager.wait(lambda: "refused" not in manager.status, "all is well again")
        assert daemon.terminate() == 0, daemon.log.read_text()
    assert "no such setting" in daemon.log.read_text()
    at = [index for index, told in enumerate(manager.heard) if "RELOADING" in told]
    assert len(at) == 2
    for index in at:
        assert abs(int(manager.heard[index]["MONOTONIC_USEC"]) / 1e6 - time.monotonic()) < 120
        assert manager.heard[index + 1] == {"READY": "1"}


def test_a_reload_takes_over_what_it_can_and_names_the_rest(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line) as daemon:
        daemon.wait_for_verdicts(1)
        changed = line.path.read_text().replace("rate_hz = 20.0", "rate_hz = 30.0")
        line.path.write_text(changed.replace("[model]", 'log = {level = "warning"}\n[model]'))
        daemon.process.send_signal(signal.SIGHUP)
        manager.wait(lambda: "waiting for a restart: cameras.web.rate_hz" in manager.status, "what waits is named")
        assert daemon.terminate() == 0
    events = [told["event"] for told in daemon.said()]
    assert "inspecting" in events
    assert "drained" not in events  # which is less than a warning


def test_the_watchdogs_signal_leaves_in_the_log_where_every_thread_stood(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line) as daemon:
        manager.wait_for("WATCHDOG", "1")
        daemon.process.send_signal(signal.SIGABRT)
        assert daemon.wait() == -signal.SIGABRT
    told = daemon.log.read_text()
    assert "in _watch_deadlines" in told
    assert "in _feed" in told
    assert "in _collect" in told


def watched(line: Configuration, *, deadline_ms: int = 10_000) -> None:
    """Have the engine answer within a second, and the frames at a pace that no stage is idle for long."""
    text = line.path.read_text().replace("[engine]", "[engine]\ntimeout_s = 1.0")
    line.path.write_text(text.replace("[cameras.web]", f"[cameras.web]\ndeadline_ms = {deadline_ms}"))


@pytest.mark.parametrize("stage", ["intake", "feeder", "collector", "deadlines", "publisher"])
def test_the_watchdog_is_not_told_while_a_stage_is_stuck(manager: Manager, line: Configuration, stage: str) -> None:
    watched(line, deadline_ms=200 if stage == "deadlines" else 10_000)
    with daemon_under(manager, line, stage) as daemon:
        manager.wait_for("WATCHDOG", "1")
        manager.wait(lambda: f"{stage} stuck" in manager.status, f"{stage} is found stuck")
        manager.wait(lambda: manager.silent_s > 2.0, "the watchdog is told nothing")
        assert daemon.process.poll() is None
    assert f"{stage} stuck" in daemon.log.read_text()


def test_the_watchdog_is_not_told_while_control_is_stuck(manager: Manager, line: Configuration) -> None:
    with daemon_under(manager, line, "control.address"):
        manager.wait_for("WATCHDOG", "1")
        with Controller(line.control, timeout_s=1.0) as controller:
            for part in range(STUCK_FROM):
                controller.trigger(f"part-{part}")
            with pytest.raises(ClientError):
                controller.trigger("one too many")
        manager.wait(lambda: "control.address stuck" in manager.status, "control is found stuck")
        manager.wait(lambda: manager.silent_s > 2.0, "the watchdog is told nothing")


def test_an_idle_line_is_alive(manager: Manager, bundle: Bundle, tmp_path: Path, pictures: Path) -> None:
    camera = {"source": f"images:{pictures}", "trigger": "software"}
    with daemon_under(manager, Configuration(tmp_path, bundle, {"web": camera}), "none"):
        manager.wait_for("WATCHDOG", "1")
        for _ in range(6):  # for many times as long as a step may take
            manager.wait_for("WATCHDOG", "1", timeout_s=5.0)
        assert "web running; 0 PASS, 0 FAIL, 0 ERROR" in manager.status
