"""The command line while no daemon judges with the registry."""

from __future__ import annotations

import getpass
import json
import subprocess
from pathlib import Path

import pytest

from engines.bundle import Bundle
from engines.errors import GoldenError
from inspectd.check import check
from inspectd.errors import ClientError, ModelRefusedError, RegistryError, SettingsError
from inspectd.models.configured import configured
from inspectd.models.offline import Offline
from inspectd.models.reach import reached
from inspectd.models.registry import Registry
from inspectd.settings import ModelSettings, make_settings
from inspectd.wire.models import ChangeAction, ModelRole
from tests.bundles import tiny_bundle
from tests.daemons import free_port
from tests.inspectd.models.test_registry import flip
from tests.inspectd.test_cli import run
from tests.registries import BY


@pytest.fixture
def registry(tmp_path: Path, bundle: Bundle, finer: Bundle) -> Registry:
    registry = Registry(tmp_path / "models")
    registry.add(bundle.path, "coarse", None)
    registry.add(finer.path, "fine", None)
    return registry


def judging(registry: Registry) -> tuple[str, float]:
    """What a daemon that starts now would judge with."""
    found = configured(ModelSettings(registry=registry.directory))
    return found.bundle.path.name, found.calibration.threshold


def test_what_is_activated_is_what_the_next_start_judges_with(
    registry: Registry, bundle: Bundle, finer: Bundle
) -> None:
    offline = Offline(registry, None)
    with pytest.raises(SettingsError, match="no model is active"):
        judging(registry)
    offline.activate("coarse", **BY)
    offline.move_threshold(25.0, **BY)
    offline.activate(finer.id, **BY)
    assert judging(registry) == (finer.path.name, 12.0)
    offline.rollback(**BY)
    assert judging(registry) == (bundle.path.name, 25.0)
    offline.undo_threshold(**BY)
    assert judging(registry) == (bundle.path.name, 20.0)
    active = registry.active()
    assert active is not None
    told = [(change.action, change.bundle, change.threshold_before, change.threshold) for change in active.changes]
    assert told == [
        (ChangeAction.ACTIVATE, bundle.path.name, 20.0, 20.0),
        (ChangeAction.THRESHOLD, bundle.path.name, 20.0, 25.0),
        (ChangeAction.ACTIVATE, finer.path.name, 25.0, 12.0),
        (ChangeAction.ROLLBACK, bundle.path.name, 12.0, 25.0),
        (ChangeAction.UNDO, bundle.path.name, 25.0, 20.0),
    ]
    assert {(change.who, change.why) for change in active.changes} == {("ada", "a test")}


def test_a_threshold_stays_within_bounds(registry: Registry) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    for beyond in (9.9, 40.1):
        with pytest.raises(ModelRefusedError, match="not between 10 and 40"):
            offline.move_threshold(beyond, **BY)
    assert judging(registry)[1] == 20.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_threshold_that_is_none_is_refused_in_words(registry: Registry, value: float) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    with pytest.raises(ModelRefusedError, match="value: Input should be"):
        offline.move_threshold(value, **BY)
    assert judging(registry)[1] == 20.0


def test_nothing_is_recorded_without_who_and_why(registry: Registry) -> None:
    with pytest.raises(ModelRefusedError, match="why: String should have at least 1 character"):
        Offline(registry, None).activate("coarse", who="ada", why="")
    assert registry.active() is None


def test_a_model_that_says_something_else_than_in_training_is_not_activated(registry: Registry, tmp_path: Path) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    before = registry.active()
    registry.add(tiny_bundle(tmp_path, golden_factor=1.1).path, "lying", None)
    with pytest.raises(GoldenError, match="golden tiles differ"):
        offline.activate("lying", **BY)
    assert registry.active() == before


def test_a_model_that_does_not_fit_a_camera_is_not_activated(registry: Registry, tmp_path: Path) -> None:
    camera = {
        "source": "images:web",
        "web": {"direction": "down", "speed_mm_s": 100.0},
    }  # and no scale, here or in the bundle
    document = {"model": {"registry": str(registry.directory)}, "cameras": {"web": camera}}
    offline = Offline(registry, make_settings(document, origin="test"))
    with pytest.raises(SettingsError, match=r"cameras\.web"):
        offline.activate("coarse", **BY)
    assert registry.active() is None


def test_roles_and_damage_are_listed(registry: Registry, bundle: Bundle, finer: Bundle) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    offline.activate("fine", **BY)
    flip(registry.path_of(bundle.path.name) / "centroids.npy")
    listed = {entry.name: (entry.role, entry.damage is not None) for entry in offline.models().models}
    assert listed == {"coarse": (ModelRole.PREVIOUS, True), "fine": (ModelRole.ACTIVE, False)}


def test_what_is_needed_is_not_deleted(registry: Registry) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    offline.activate("fine", **BY)
    for needed in ("coarse", "fine"):
        with pytest.raises(ModelRefusedError, match="judge"):
            offline.delete(needed, **BY)
    offline.rollback(**BY)
    offline.delete("fine", **BY)
    assert [note.name for note in registry.notes()] == ["coarse"]


def test_a_registry_that_is_held_is_not_changed(registry: Registry) -> None:
    offline = Offline(registry, None)
    with Registry(registry.directory).held(), pytest.raises(RegistryError, match="judges with this registry"):
        offline.activate("coarse", **BY)


def test_while_it_is_held_the_daemon_is_asked(registry: Registry) -> None:
    with reached(None, None, registry.directory, None) as asked:
        assert isinstance(asked, Offline)
    address = f"tcp://127.0.0.1:{free_port()}"
    with reached(address, None, registry.directory, None) as asked:
        assert not isinstance(asked, Offline)
    with registry.held(), reached(None, None, registry.directory, None) as asked:
        assert not isinstance(asked, Offline)


def test_a_configuration_that_names_a_bundle_is_told_apart(tmp_path: Path, bundle: Bundle) -> None:
    config = tmp_path / "line.toml"
    config.write_text(f'model.bundle = "{bundle.path}"\ncameras.web.source = "images:web"\n')
    with pytest.raises(SettingsError, match=r"set model\.registry in its place"), reached(None, config, None, None):
        pass


def test_the_command_line(tmp_path: Path, bundle: Bundle, finer: Bundle) -> None:
    config = tmp_path / "line.toml"
    config.write_text(f'model.registry = "{tmp_path}/models"\ncameras.web.source = "images:{tmp_path}"\n')

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, "--config", str(config))

    assert told("models", "add", str(bundle.path), "--name", "summer").stdout.startswith("added: summer (surface tiny")
    assert told("models", "add", str(finer.path)).returncode == 0
    activated = told("models", "activate", "summer", "--why", "first", "--who", "ada")
    assert activated.stdout == f"{bundle.path.name} judges tiny; threshold 20 (can be moved from 10 to 40)\n"
    assert "checking it on the golden tiles" in activated.stderr
    moved = told("threshold", "set", "30", "--why", "stains").stdout
    assert "threshold 30, its own is 20" in moved
    refused = told("models", "activate", "winter", "--why", "snow")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: there is no model 'winter'")
    listed = told("models", "list").stdout.splitlines()
    assert "active" in next(line for line in listed if line.startswith("summer"))
    entries = json.loads(told("models", "list", "--json").stdout)["models"]
    assert [(entry["name"], entry["role"]) for entry in entries] == [("summer", "active"), (None, None)]
    active = Registry(tmp_path / "models").active()
    assert active is not None
    assert [change.who.partition("@")[0] for change in active.changes] == ["ada", getpass.getuser()]


def test_a_check_of_the_configuration_opens_the_active_model(registry: Registry, tmp_path: Path) -> None:
    config = tmp_path / "line.toml"
    config.write_text(
        f'model.registry = "{registry.directory}"\ncameras.web.source = "images:{tmp_path}"\n'
        f'journal.path = "{tmp_path}/journal.db"\n'
    )

    def problems() -> str:
        return "\n".join(problem for problem in check(config).problems if "model" in problem)

    assert "no model is active; 'inspectd models add BUNDLE" in problems()
    Offline(registry, None).activate("coarse", **BY)
    assert problems() == ""
    flip(registry.path_of(registry.find("coarse").bundle) / "model.onnx")
    assert "its content does not match its hash" in problems()


def test_a_model_whose_predecessor_is_gone_can_still_be_activated(
    registry: Registry, bundle: Bundle, finer: Bundle
) -> None:
    offline = Offline(registry, None)
    offline.activate("coarse", **BY)
    registry.delete(bundle.path.name)
    offline.activate("fine", **BY)
    active = registry.active()
    assert active is not None
    assert active.changes[-1].threshold_before == 20.0
    assert judging(registry) == (finer.path.name, 12.0)


def test_without_a_daemon_the_way_out_is_told() -> None:
    told = run("models", "list", "--control", f"tcp://127.0.0.1:{free_port()}")
    assert told.returncode == ClientError.exit_code
    assert "Where no daemon runs, name its --config or its --registry" in told.stderr
