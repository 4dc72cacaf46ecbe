"""The disk does not confirm the record of what judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import pytest

from inspectd.client import Controller
from inspectd.errors import RegistryError
from inspectd.models.offline import Offline
from inspectd.wire.models import ChangeState
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import RunningDaemon
from tests.faults.preload.library import compiled, no_compiler
from tests.registries import BY, RegistryLine, registry_line


@pytest.fixture
def line(tmp_path: Path) -> RegistryLine:
    cv2.imwrite(str(tmp_path / "web.png"), surface_picture(1))
    web = {"source": f"images:{tmp_path / 'web.png'}", "loop": True, "preload": True, "rate_hz": 50.0}
    return registry_line(tmp_path, {"web": web})


@pytest.fixture
def unsynced(line: RegistryLine, tmp_path: Path) -> Mapping[str, str]:
    """What has a process fail to sync the registry's directory."""
    if reason := no_compiler():
        pytest.skip(reason)
    return {
        "LD_PRELOAD": str(compiled("failing_sync", tmp_path)),
        "FAILING_SYNC": str(line.registry.directory.resolve()),
    }


def recorded(line: RegistryLine) -> str:
    active = line.registry.active()
    assert active is not None
    return active.judging.bundle


def test_what_judges_is_what_the_record_says_and_the_doubt_is_told(
    line: RegistryLine, unsynced: Mapping[str, str]
) -> None:
    coarse, fine = line.coarse.path.name, line.fine.path.name
    with (
        RunningDaemon(line.configuration, environment=unsynced) as daemon,
        Controller(line.configuration.control, 20) as controller,
    ):
        daemon.wait_for_verdicts(20)
        done = controller.activate("fine", **BY)
        assert done.state is ChangeState.DONE
        assert "the disk does not confirm it (Input/output error)" in str(done.reason)
        judging = controller.status().model
        assert judging is not None
        assert judging.bundle == recorded(line) == fine
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        assert controller.rollback(**BY).state is ChangeState.DONE
        judging = controller.status().model
        assert judging is not None
        assert judging.bundle == recorded(line) == coarse
        daemon.wait_for_verdicts(daemon.journaled() + 20)
        assert daemon.terminate() == 0
    said = line.configuration.verdicts_in_journal()
    assert [message["bundle"] for message in said if message["kind"] == "change"] == [fine, coarse]
    assert {message["outcome"] for message in said if message["kind"] == "verdict"} == {"PASS"}
    with RunningDaemon(line.configuration) as daemon:
        daemon.wait_for_verdicts(len(said) + 5)
        assert daemon.terminate() == 0
    assert line.configuration.verdicts_in_journal()[-1]["bundle"] == coarse


def test_so_it_is_without_a_daemon(line: RegistryLine, monkeypatch: pytest.MonkeyPatch) -> None:
    offline = Offline(line.registry, None)
    with monkeypatch.context() as patch:
        patch.setattr("engines.durable.sync_directory", _fail)
        done = offline.activate("fine", **BY)
        assert done.state is ChangeState.DONE
        assert "the disk does not confirm it" in str(done.reason)
    assert recorded(line) == line.fine.path.name


def test_a_bundle_is_kept_where_the_way_back_to_it_may_come_back(
    line: RegistryLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = line.registry.add(tiny_bundle(tmp_path / "third", cell=16).path, "third", None)
    offline = Offline(line.registry, None)
    offline.activate("fine", **BY)
    offline.activate("third", **BY)
    monkeypatch.setattr("engines.durable.sync_directory", _fail)
    with pytest.raises(RegistryError, match="is kept"):
        offline.delete("coarse", **BY)
    assert line.registry.find("coarse").bundle == line.coarse.path.name
    assert recorded(line) == third.bundle


def _fail(directory: Path) -> None:
    raise OSError(5, "Input/output error", str(directory))
