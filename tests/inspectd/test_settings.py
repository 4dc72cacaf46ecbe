from __future__ import annotations

from pathlib import Path

import pytest

from inspectd.errors import SettingsError
from inspectd.settings import DropPolicy, ImagesCamera, OpencvCamera, Settings, load_settings
from inspectd.settings.section import Section

SMALLEST = """
[model]
bundle = "bundles/brick"
[cameras.web]
source = "images:/data/web"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "line.toml"
    path.write_text(SMALLEST)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as told:
        load_settings(path)
    return str(told.value).splitlines()


def test_the_smallest_configuration(path: Path) -> None:
    settings = load_settings(path)
    web = settings.cameras["web"]
    assert isinstance(web, ImagesCamera)
    assert web.drop is DropPolicy.BLOCK
    assert settings.engine.runtime == "onnx"
    assert settings.publisher


def test_the_kind_of_a_camera_follows_from_its_source(path: Path) -> None:
    path.write_text(SMALLEST.replace("images:/data/web", "opencv:/dev/video0"))
    assert isinstance(load_settings(path).cameras["web"], OpencvCamera)


def test_the_environment_wins_over_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(SMALLEST + "[engine]\nthreads = 2\nslots = 3\n")
    monkeypatch.setenv("INSPECTD_ENGINE__THREADS", "5")
    monkeypatch.setenv("INSPECTD_CAMERAS__WEB__LOOP", "true")
    settings = load_settings(path)
    assert (settings.engine.threads, settings.engine.slots) == (5, 3)
    web = settings.cameras["web"]
    assert isinstance(web, ImagesCamera)
    assert web.loop
    assert web.source == "images:/data/web"


def test_every_problem_is_told_at_once_with_key_and_value(path: Path) -> None:
    path.write_text(
        SMALLEST + 'lop = true\nqueue_frames = 0\n[engine]\nthreads = "many"\n[pubish]\nmaps = "tcp://*:1"\n'
    )
    told = problems(path)
    assert len(told) == 4
    assert all(line.startswith(f"{path}: ") for line in told)
    together = "\n".join(told)
    assert "cameras.web.lop: no such setting" in together
    assert "cameras.web.queue_frames = 0: " in together
    assert "engine.threads = 'many': " in together
    assert "pubish: no such setting" in together


def test_a_misspelt_variable_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_ENGNE__THREADS", "5")
    assert "INSPECTD_ENGNE__THREADS: no such setting" in problems(path)[0]
    monkeypatch.delenv("INSPECTD_ENGNE__THREADS")
    monkeypatch.setenv("INSPECTD_ENGINE__THRAEDS", "5")
    assert "engine.thraeds: no such setting" in problems(path)[0]


def test_a_section_in_one_variable_must_be_json(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_ENGINE", '{"threads": 4}')
    assert load_settings(path).engine.threads == 4
    monkeypatch.setenv("INSPECTD_ENGINE", "{threads: 4")
    (told,) = problems(path)
    assert 'field "engine"' in told
    assert "not JSON" in told


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("", "neither is set"),
        ('bundle = "brick"\nregistry = "models"', "both are set"),
    ],
)
def test_either_a_bundle_or_a_registry_judges(path: Path, model: str, told: str) -> None:
    path.write_text(f'[model]\n{model}\n[cameras.web]\nsource = "images:web"\n')
    with pytest.raises(SettingsError, match=f"model: set either 'bundle' or 'registry'; {told}"):
        load_settings(path)


def test_no_camera_is_told(path: Path) -> None:
    path.write_text('[model]\nbundle = "b"\n')
    assert "cameras: must be set" in problems(path)[0]


@pytest.mark.parametrize("source", ["/data/web", "images:", "gige:1", ""])
def test_a_source_of_no_known_kind_is_told(path: Path, source: str) -> None:
    path.write_text(SMALLEST.replace("images:/data/web", source))
    assert problems(path)[0].startswith(f"{path}: cameras.web")


def test_settings_cannot_be_changed(path: Path) -> None:
    settings = load_settings(path)
    with pytest.raises(ValueError, match="frozen"):
        settings.drain_s = 3.0  # type: ignore[misc]  # that it is refused is what is tested


def test_each_setting_is_documented_in_the_code() -> None:
    for name, field in Settings.model_fields.items():
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section)):  # whose keys are
            assert field.description, name


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:5590", "tcp://127.8.9.1:5590", "tcp://[::1]:5590", "tcp://lo:1", "ipc:///run/x", "x"]
)
def test_this_machine_alone_needs_no_keys(path: Path, address: str) -> None:
    path.write_text(f'{SMALLEST}\n[publish]\nverdicts = "{address}"\n')
    assert load_settings(path).publish.verdicts == address


@pytest.mark.parametrize(
    "address", ["tcp://*:5590", "tcp://0.0.0.0:5590", "tcp://eth0:5590", "tcp://[::]:1", "pgm://x:1"]
)
def test_other_machines_need_keys_or_a_word(path: Path, address: str) -> None:
    exposed = f'{SMALLEST}\n[publish]\nmaps = "{address}"\n[control]\naddress = "{address}"\n'
    path.write_text(exposed)
    told = problems(path)
    assert [line.partition(" = ")[0] for line in told] == [f"{path}: publish.maps", f"{path}: control.address"]
    assert all(f"'{address}': other machines reach it" in line and "inspectd keys server" in line for line in told)
    for word in ("insecure = true", 'keys = "/etc/inspectd/keys"'):
        path.write_text(f"{exposed}[security]\n{word}\n")
        assert load_settings(path).control.address == address


def test_http_asks_for_no_key_whatever_is_set(path: Path) -> None:
    text = f'{SMALLEST}\n[metrics]\naddress = "0.0.0.0:9590"\n[security]\nkeys = "/etc/inspectd/keys"\n'
    path.write_text(text)
    assert "metrics.address = '0.0.0.0:9590': other machines reach it and HTTP asks for no key" in problems(path)[0]
    path.write_text(text + "insecure = true\n")
    assert load_settings(path).security.keys == Path("/etc/inspectd/keys")


def test_no_keys_are_an_empty_text(path: Path) -> None:
    path.write_text(f'{SMALLEST}\n[security]\nkeys = ""\n')
    assert load_settings(path).security.keys is None
