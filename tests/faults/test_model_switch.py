from __future__ import annotations

import gc
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import pytest

from engines.bundle import Bundle
from inspectd.client import Change, Client, Controller
from inspectd.daemon import run
from inspectd.errors import ClientError, ModelRefusedError, RegistryError
from inspectd.models.offline import Offline
from inspectd.settings import load_settings
from inspectd.wire.models import ChangeState, DaemonState, ModelRole
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import RunningDaemon, wait_until
from tests.faults.switching import switching
from tests.inspectd.models.test_registry import flip
from tests.registries import BY, RegistryLine, registry_line


@pytest.fixture
def line(tmp_path: Path) -> RegistryLine:
    (tmp_path / "web").mkdir()
    for index in range(5):
        cv2.imwrite(str(tmp_path / "web" / f"{index}.png"), surface_picture(index))
    web = {"source": f"images:{tmp_path / 'web'}", "loop": True, "preload": True, "rate_hz": 50.0}
    return registry_line(tmp_path, {"web": web})


def changes(line: RegistryLine) -> list[dict[str, Any]]:
    return [message for message in line.configuration.verdicts_in_journal() if message["kind"] == "change"]


def judged_by(line: RegistryLine) -> list[tuple[str, float]]:
    """Bundle and threshold of each verdict, those that follow one another told once."""
    said: list[tuple[str, float]] = []
    for message in line.configuration.verdicts_in_journal():
        if message["kind"] == "verdict" and said[-1:] != [(message["bundle"], message["threshold"])]:
            said.append((message["bundle"], message["threshold"]))
    return said


def test_models_are_activated_while_frames_stream(tmp_path: Path) -> None:
    seen = switching(tmp_path, 10)
    assert set(seen.outcomes) <= {"PASS", "FAIL"}
    for resource in ("descriptors", "threads"):
        first, last = seen.growth[resource]
        assert last <= first + 2, f"{resource}: {first} at first, {last} in the end"


def test_what_is_refused_leaves_the_line_as_it_was(line: RegistryLine, tmp_path: Path) -> None:
    lying = line.registry.add(tiny_bundle(tmp_path / "other", golden_factor=1.2).path, "lying", None)
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 20) as controller:
        daemon.wait_for_verdicts(20)
        flip(line.registry.path_of(line.fine.path.name) / "model.onnx")
        for model, reason in (
            ("lying", "golden tiles differ"),
            ("fine", "its content does not match its hash"),
            ("winter", "no model 'winter'"),
            ("coarse", "active already"),
        ):
            with pytest.raises(ModelRefusedError, match=reason):
                controller.activate(model, **BY)
        with pytest.raises(ModelRefusedError, match="not between 10 and 40"):
            controller.move_threshold(50.0, **BY)
        with pytest.raises(ModelRefusedError, match="no bundle judged before"):
            controller.rollback(**BY)
        with pytest.raises(ModelRefusedError, match="nothing to undo"):
            controller.undo_threshold(**BY)
        with pytest.raises(ModelRefusedError, match="why"):
            controller.activate("fine", who="ada", why="")
        listed = {entry.name: entry for entry in controller.models().models}
        assert listed["coarse"].role is ModelRole.ACTIVE
        assert "model.onnx" in (listed["fine"].damage or "")
        assert listed["lying"].bundle == lying.bundle
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        assert daemon.terminate() == 0
    assert judged_by(line) == [(line.coarse.path.name, 20.0)]
    assert changes(line) == []


def test_a_model_that_does_not_fit_a_camera_is_refused(line: RegistryLine, tmp_path: Path) -> None:
    path = line.configuration.path  # one cell of the coarse model, and no whole one of a model with larger cells
    path.write_text(path.read_text() + "\nroi = [[[8, 8], [16, 8], [16, 16], [8, 16]]]\n")
    line.registry.add(tiny_bundle(tmp_path / "other", cell=16).path, "gross", None)
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 20) as controller:
        daemon.wait_for_verdicts(5)
        with pytest.raises(ModelRefusedError, match=r"cameras\.web\.roi, mask"):
            controller.activate("gross", **BY)
        assert controller.activate("fine", **BY).state is ChangeState.DONE


def test_changes_are_told_recorded_and_survive_a_restart(line: RegistryLine) -> None:
    coarse, fine = line.coarse.path.name, line.fine.path.name
    configuration = line.configuration
    with RunningDaemon(configuration) as daemon, Controller(configuration.control, 20) as controller:
        daemon.wait_for_verdicts(20)
        with Client(configuration.verdicts, replay=configuration.replay, since=1) as client:
            steps: list[str] = []
            ticket = controller.activate("fine", **BY, tell=lambda standing: steps.append(standing.state)).ticket
            change = next(event for event in client if isinstance(event, Change))
        assert (change.id, change.who, change.why) == (ticket, BY["who"], BY["why"])
        assert (change.bundle_before, change.bundle) == (coarse, fine)
        assert steps[-1] == "done"
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        controller.move_threshold(15.0, **BY)
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        model = controller.status().model
        assert model is not None
        assert (model.bundle, model.threshold, model.own_threshold, model.live) == (fine, 15.0, 12.0, True)
        assert daemon.terminate() == 0
    with RunningDaemon(configuration) as daemon, Controller(configuration.control, 20) as controller:
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        controller.undo_threshold(**BY)
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        controller.rollback(**BY)
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        assert daemon.terminate() == 0
    assert judged_by(line) == [(coarse, 20.0), (fine, 12.0), (fine, 15.0), (fine, 12.0), (coarse, 20.0)]
    assert [change["action"] for change in changes(line)] == ["activate", "threshold", "undo", "rollback"]


def test_whenever_it_is_killed_the_record_and_what_judges_agree(line: RegistryLine) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    for _ in range(4):
        with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 2) as controller:
            daemon.wait_for_verdicts(daemon.journaled() + 5)
            end = time.monotonic() + dice.uniform(0.05, 0.6)
            while time.monotonic() < end:
                active = line.registry.active()
                assert active is not None
                other = "fine" if active.judging.bundle == line.coarse.path.name else "coarse"
                controller.activate(other, **BY)
            active = line.registry.active()
            assert active is not None
            daemon.process.send_signal(signal.SIGKILL)
            daemon.wait()
    with RunningDaemon(line.configuration) as daemon:
        daemon.wait_for_verdicts(daemon.journaled() + 5)
        assert daemon.terminate() == 0
    active = line.registry.active()
    assert active is not None
    told = changes(line)
    assert [change["id"] for change in told][-len(active.changes) :] == [change.id for change in active.changes]
    assert judged_by(line)[-1][0] == active.judging.bundle
    before = line.coarse.path.name
    for change in told:
        assert change["bundle_before"] == before
        before = change["bundle"]


def test_what_changed_while_no_daemon_ran_is_recorded_once(line: RegistryLine) -> None:
    Offline(line.registry, None).activate("fine", who="ada", why="at night")
    for _ in range(2):
        with RunningDaemon(line.configuration) as daemon:
            daemon.wait_for_verdicts(daemon.journaled() + 5)
            assert daemon.terminate() == 0
    (change,) = changes(line)
    assert (change["sequence"], change["who"], change["bundle"]) == (1, "ada", line.fine.path.name)
    assert judged_by(line) == [(line.fine.path.name, 12.0)]


def test_a_registry_belongs_to_one_daemon(line: RegistryLine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = registry_line(tmp_path / "other", {"web": {"source": f"images:{tmp_path / 'web'}"}})
    text = other.configuration.path.read_text()
    other.configuration.path.write_text(text.replace(str(other.registry.directory), str(line.registry.directory)))
    with RunningDaemon(line.configuration) as daemon:
        daemon.wait_for_verdicts(1)
        with RunningDaemon(other.configuration) as second:
            assert second.wait() == RegistryError.exit_code
        assert f"process {daemon.process.pid} judges with this registry" in second.log.read_text()


def test_what_judged_first_is_not_kept_in_memory(line: RegistryLine) -> None:
    first = line.registry.path_of(line.coarse.path.name)

    def switch() -> None:
        with Controller(line.configuration.control, 20) as controller:
            try:
                wait_until(lambda: inspects(line), "it inspects")
                assert first in bundles_in_memory()
                controller.activate("fine", **BY)
                wait_until(lambda: first not in bundles_in_memory(), "the first bundle has gone")
            finally:
                controller.drain(**BY)

    with ThreadPoolExecutor(1) as thread:
        switched = thread.submit(switch)
        assert run(load_settings(line.configuration.path)) == 0
        switched.result()
    assert judged_by(line)[0] == (line.coarse.path.name, 20.0)


def inspects(line: RegistryLine) -> bool:
    """Whether anything was judged; the journal may be half made."""
    with suppress(sqlite3.OperationalError):
        return bool(judged_by(line))
    return False


def bundles_in_memory() -> set[Path]:
    gc.collect()
    return {found.path for found in gc.get_objects() if isinstance(found, Bundle)}


class TestControl:
    """What else is asked over the control socket."""

    def test_status_and_drain(self, line: RegistryLine) -> None:
        with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 20) as controller:
            daemon.wait_for_verdicts(70)  # and a heartbeat
            status = controller.status()
            assert status.heartbeat is not None
            assert status.heartbeat.state is DaemonState.INSPECTING
            assert status.changes == ()
            controller.drain(who="ada", why="end of shift")
            assert daemon.wait() == 0
        assert '"who": "ada", "why": "end of shift"' in daemon.log.read_text()
        numbers = [message["frame"] for message in line.configuration.verdicts_in_journal()]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))

    def test_a_bundle_that_the_configuration_names_is_not_changed(self, line: RegistryLine, bundle: Bundle) -> None:
        path = line.configuration.path
        path.write_text(
            path.read_text().replace(f'registry = "{line.registry.directory}"', f'bundle = "{bundle.path}"')
        )
        with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 20) as controller:
            daemon.wait_for_verdicts(1)
            model = controller.status().model
            assert model is not None
            assert not model.live
            with pytest.raises(ModelRefusedError, match=r"set model\.registry in its place"):
                controller.activate("fine", **BY)
            with pytest.raises(ModelRefusedError, match=r"set model\.registry in its place"):
                controller.move_threshold(21.0, **BY)
            with pytest.raises(ModelRefusedError, match=r"set model\.registry in its place"):
                controller.models()

    def test_a_registry_that_cannot_be_read_is_told(self, line: RegistryLine) -> None:
        with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 20) as controller:
            daemon.wait_for_verdicts(1)
            (line.registry.directory / "active.json").write_text("")
            with pytest.raises(ModelRefusedError, match="not the record of an active model"):
                controller.models()
            with pytest.raises(ModelRefusedError, match="not the record of an active model"):
                controller.activate("fine", **BY)
            daemon.wait_for_verdicts(daemon.journaled() + 5)

    def test_an_activation_whose_daemon_dies_is_told(self, line: RegistryLine) -> None:
        with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, 1) as controller:
            daemon.wait_for_verdicts(1)
            daemon.process.kill()
            daemon.wait()
            with pytest.raises(ClientError, match="no answer"):
                controller.activate("fine", **BY)
