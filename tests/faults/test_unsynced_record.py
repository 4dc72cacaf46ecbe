"""The disk does not confirm the record of what judges, or that a bundle is gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import pytest

from inspectd.client import Controller
from inspectd.errors import RegistryError, RequestRefusedError
from inspectd.models.offline import Offline
from inspectd.wire.models import ChangeState
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import RunningDaemon
from tests.faults.preload.library import compiled, no_compiler
from tests.inspectd.models.test_registry import held
from tests.registries import BY, RegistryLine, registry_line


@pytest.fixture
def line(tmp_path: Path) -> RegistryLine:
    cv2.imwrite(str(tmp_path / "web.png"), surface_picture(1))
    web = {"source": f"images:{tmp_path / 'web.png'}", "loop": True, "preload": True, "rate_hz": 50.0}
    return registry_line(tmp_path, {"web": web})


@pytest.fixture
def unsynced(line: RegistryLine, tmp_path: Path) -> Mapping[str, str]:
    """What has a process fail to sync the registry's directory."""
    return failing_sync(line.registry.directory, tmp_path)


def failing_sync(directory: Path, folder: Path) -> Mapping[str, str]:
    """What has a process fail to sync a directory. The library that does so is put in `folder`."""
    if reason := no_compiler():
        pytest.skip(reason)
    return {"LD_PRELOAD": str(compiled("failing_sync", folder)), "FAILING_SYNC": str(directory.resolve())}


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


def test_a_bundle_whose_end_is_not_confirmed_is_there_still_and_can_be_deleted_later(
    line: RegistryLine, tmp_path: Path
) -> None:
    coarse, fine = line.coarse.path.name, line.fine.path.name
    unconfirmed = failing_sync(line.registry.path_of(fine).parent, tmp_path)
    with (
        RunningDaemon(line.configuration, environment=unconfirmed) as daemon,
        Controller(line.configuration.control, 20) as controller,
    ):
        daemon.wait_for_verdicts(5)
        with pytest.raises(RequestRefusedError, match="Input/output error"):
            controller.delete("fine", **BY)
        assert {entry.bundle for entry in controller.models().models} == {coarse, fine}
        assert controller.activate("fine", **BY).state is ChangeState.DONE
        assert controller.activate("coarse", **BY).state is ChangeState.DONE
        assert daemon.terminate() == 0
    assert held(line.registry) == sorted([coarse, f"{coarse}.json", fine, f"{fine}.json"])
    third = line.registry.add(tiny_bundle(tmp_path / "third", cell=16).path, "third", None).bundle
    offline = Offline(line.registry, None)
    offline.activate("third", **BY)
    offline.delete("fine", **BY)
    assert held(line.registry) == sorted([coarse, f"{coarse}.json", third, f"{third}.json"])


def _fail(directory: Path) -> None:
    raise OSError(5, "Input/output error", str(directory))
