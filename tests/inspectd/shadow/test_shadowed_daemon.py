"""A real daemon with a candidate in the shadow, asked over its control socket and by its command line."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import psutil
import pytest
from typer.testing import CliRunner

from inspectd.cli import app
from inspectd.client import Controller
from inspectd.errors import InspectdError, ModelRefusedError
from inspectd.models.docket import KEPT_STANDINGS
from inspectd.wire.models import ChangeState, ModelRole, ShadowStanding, ShadowState
from tests.bundles import spot, surface_picture
from tests.daemons import RunningDaemon
from tests.inspectd.shadow.scene import PATIENCE_S, wait_until
from tests.registries import BY, RegistryLine, registry_line


@pytest.fixture
def line(tmp_path: Path) -> RegistryLine:
    """Shows good pictures, spots that both models find, and marks that only the fine one does."""
    (tmp_path / "web").mkdir()
    for index in range(6):
        picture = surface_picture(index)
        if index % 3 == 1:
            picture = spot(picture, 20, 30)
        elif index % 3 == 2:
            picture[8:12, 40:44] += 40
        cv2.imwrite(str(tmp_path / "web" / f"{index}.png"), picture)
    web = {"source": f"images:{tmp_path / 'web'}", "loop": True, "preload": True, "rate_hz": 60.0}
    return registry_line(tmp_path, {"web": web})


def standing(controller: Controller) -> ShadowStanding:
    found = controller.models().shadow
    assert found is not None
    return found


def candidates(daemon: RunningDaemon) -> list[psutil.Process]:
    children = psutil.Process(daemon.process.pid).children()
    return [child for child in children if "inspectd.shadow.start" in child.cmdline()]


def wait_for_disagreements(controller: Controller, more_than: int) -> ShadowStanding:
    wait_until(lambda: standing(controller).figures.only_candidate_fails > more_than, "the candidate disagrees")
    return standing(controller)


def command(line: RegistryLine, *arguments: str) -> str:
    told = CliRunner().invoke(app, ["models", *arguments, "--config", str(line.configuration.path)])
    assert told.exit_code == 0, told.output
    return told.output


def test_from_the_shadow_to_the_line(line: RegistryLine, tmp_path: Path) -> None:
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, PATIENCE_S) as controller:
        daemon.wait_for_verdicts(5)
        with pytest.raises(ModelRefusedError, match="no candidate looks on"):
            controller.promote(**BY)
        with pytest.raises(ModelRefusedError, match="judges"):
            controller.shadow("coarse", **BY)
        assert "looks on" in command(line, "shadow", "fine", "--why", "finer cells")
        told = wait_for_disagreements(controller, 1)
        assert told.state is ShadowState.COMPARING
        assert told.figures.only_running_fails == 0
        assert controller.status().shadow is not None
        roles = {model.name: model.role for model in controller.models().models}
        assert roles == {"coarse": ModelRole.ACTIVE, "fine": ModelRole.SHADOW}
        (process,) = candidates(daemon)
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
        with pytest.raises(ModelRefusedError, match="in the shadow"):
            controller.delete("fine", **BY)
        with urllib.request.urlopen(f"http://{line.configuration.metrics}/metrics") as page:
            metrics = page.read().decode()
        assert "inspectd_shadow_comparing 1.0" in metrics
        assert 'inspectd_shadow_frames_total{agreement="only_candidate_fails"}' in metrics
        (tmp_path / "page.html").write_text("the page of before, which somebody reads")
        os.link(tmp_path / "page.html", tmp_path / "read.html")
        shown = command(line, "shadow", "--show", "--report", str(tmp_path / "page.html"))
        assert "only candidate fails" in shown
        assert "data:image/jpeg" in (tmp_path / "page.html").read_text()
        assert (tmp_path / "read.html").read_text() == "the page of before, which somebody reads"
        assert line.fine.path.name in command(line, "promote", "--why", "it sees more")
        before = daemon.journaled()
        daemon.wait_for_verdicts(before + 20)
        assert controller.models().shadow is None
        wait_until(lambda: not process.is_running(), "the candidate has gone")
        assert daemon.terminate() == 0
    messages = line.configuration.verdicts_in_journal()
    assert [message["sequence"] for message in messages] == list(range(1, len(messages) + 1))
    (change,) = (message for message in messages if message["kind"] == "change")
    assert (change["action"], change["why"]) == ("promote", "it sees more")
    assert (change["bundle_before"], change["bundle"]) == (line.coarse.path.name, line.fine.path.name)
    verdicts = [message for message in messages if message["kind"] == "verdict"]
    assert {verdict["outcome"] for verdict in verdicts} == {"PASS", "FAIL"}
    bundles = [verdict["bundle"] for verdict in verdicts]
    turn = bundles.index(line.fine.path.name)
    assert set(bundles[:turn]) == {line.coarse.path.name}
    assert set(bundles[turn:]) == {line.fine.path.name}
    frames = [verdict["frame"] for verdict in verdicts]
    assert frames == list(range(1, len(frames) + 1))


def test_a_candidate_that_loads_holds_nothing_up(line: RegistryLine) -> None:
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, PATIENCE_S) as controller:
        daemon.wait_for_verdicts(5)
        controller.activate("fine", **BY)
        controller.rollback(**BY)
        with load_for_ever(line, daemon, "fine") as told:
            for _ in range(KEPT_STANDINGS):  # and of so many changes the candidate's is not forgotten
                assert controller.move_threshold(21.0, **BY).state is ChangeState.DONE
                assert controller.undo_threshold(**BY).state is ChangeState.DONE
            shown = standing(controller)
            assert (shown.bundle, shown.state) == (line.fine.path.name, ShadowState.LOADING)
            assert f"{line.fine.path.name}, loading" in command(line, "shadow", "--show")
            with pytest.raises(ModelRefusedError, match="in the shadow"):
                controller.delete("fine", **BY)
            with pytest.raises(ModelRefusedError, match="has looked at no frame yet"):
                controller.promote(**BY)
            with pytest.raises(ModelRefusedError, match=r"shadow by ada is under way .*--stop"):
                controller.shadow("fine", **BY)
            controller.shadow(None, who="bob", why="later")
            assert told() == "stopped by bob: later"
        with load_for_ever(line, daemon, "fine") as told:
            assert controller.activate("fine", **BY).state is ChangeState.DONE
            assert told() == f"{line.fine.path.name} judges now"
        with load_for_ever(line, daemon, "coarse") as told:
            assert controller.rollback(**BY).state is ChangeState.DONE
            assert told() == f"{line.coarse.path.name} judges now"
        assert controller.models().shadow is None
        with load_for_ever(line, daemon, "fine"):
            began = time.monotonic()
            assert daemon.terminate() == 0
            assert time.monotonic() - began < 15  # and not the ten minutes that a candidate may take
    assert "Traceback" not in daemon.log.read_text()


@contextmanager
def load_for_ever(line: RegistryLine, daemon: RunningDaemon, model: str) -> Iterator[Callable[[], str]]:
    """Have a candidate loading for as long as nobody ends it; gives what whoever asked for it is told."""
    refusals: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        with Controller(line.configuration.control, PATIENCE_S) as controller:
            try:
                controller.shadow(model, **BY)
            except InspectdError as error:
                refusals.put(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: candidates(daemon), "the candidate's process is there")
    (process,) = candidates(daemon)
    process.suspend()
    yield lambda: refusals.get(timeout=PATIENCE_S)
    asking.join(PATIENCE_S)
    assert not asking.is_alive()
    assert not process.is_running()


def test_it_dies_with_the_daemon_and_goes_on_with_the_next(line: RegistryLine) -> None:
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, PATIENCE_S) as controller:
        daemon.wait_for_verdicts(5)
        controller.shadow("fine", **BY)
        wait_for_disagreements(controller, 0)
        (process,) = candidates(daemon)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.wait()
        wait_until(lambda: not process.is_running(), "the candidate has gone")
    kept = json.loads((line.registry.directory / "shadow" / "candidate.json").read_text())
    assert kept["bundle"] == line.fine.path.name
    with RunningDaemon(line.configuration) as daemon, Controller(line.configuration.control, PATIENCE_S) as controller:
        wait_for_disagreements(controller, 0)
        assert standing(controller).who == BY["who"]
        (process,) = candidates(daemon)
        process.kill()
        wait_until(lambda: standing(controller).state is ShadowState.FAILED, "that it was killed is told")
        assert "SIGKILL" in str(standing(controller).reason)
        before = daemon.journaled()
        daemon.wait_for_verdicts(before + 20)
        controller.shadow(None, **BY)
        assert controller.models().shadow is None
        assert daemon.terminate() == 0
