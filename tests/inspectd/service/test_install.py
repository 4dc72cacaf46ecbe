"""The service's files as they are installed, and what systemd says of the units."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inspectd.cli import main
from inspectd.errors import OutputError, ServiceError, SettingsError
from inspectd.service import command, install
from inspectd.service.command import Target
from inspectd.settings import load_settings

UNITS = ("inspectd.service", "inspectd@.service")
ALL_UNITS = (*UNITS, "inspectd-bridge@.service", "inspectd-view.service")
FILES = install.DESTINATIONS
MOST_EXPOSED = 25
"""systemd-analyze counts in tenths from 0, nothing exposed, to 100."""


def installing(prefix: Path, *, force: bool = False, **asked: object) -> list[str]:
    """Install below `prefix`, and what was told."""
    told: list[str] = []
    options: dict[str, object] = {"instance": None, "config": None, "dry_run": False, "now": False, **asked}
    command.install_service(target=Target(prefix, force=force), tell=told.append, **options)  # type: ignore[arg-type]
    return told


def at(prefix: Path, path: Path) -> Path:
    return prefix / path.relative_to("/")


def unit_text(prefix: Path, unit: str) -> str:
    return at(prefix, FILES[unit]).read_text()


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze here; it comes with Debian's package systemd")
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "line.toml"
    path.write_text('[model]\nbundle = "/srv/brick"\n[cameras.web]\nsource = "v4l2:/dev/video0"\ndeadline_ms = 99\n')
    return path


@pytest.mark.parametrize("unit", ALL_UNITS)
def test_systemd_finds_no_fault_with_a_unit(systemd_analyze: str, tmp_path: Path, unit: str) -> None:
    installing(tmp_path)
    told = subprocess.run(
        [systemd_analyze, "verify", str(at(tmp_path, FILES[unit]))], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", ALL_UNITS)
def test_a_unit_exposes_little(systemd_analyze: str, tmp_path: Path, unit: str) -> None:
    installing(tmp_path)
    path = str(at(tmp_path, FILES[unit]))
    asked = [systemd_analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", path]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_lines_of_their_own_are_guarded_as_a_single_one() -> None:
    single, several = ((Path(install.__file__).parent / "files" / unit).read_text() for unit in UNITS)
    assert several.count("%i") == 7
    again = several.replace("/%i.toml", "/inspectd.toml").replace(", line %i", "")
    assert again.replace("-%i", "").replace("@%i", "").replace("edit inspectd@", "edit inspectd") == single


def test_the_units_start_this_interpreter(tmp_path: Path) -> None:
    told = installing(tmp_path)
    assert f"ExecStart={sys.executable} -P -m inspectd.cli run /etc/inspectd/inspectd.toml" in unit_text(
        tmp_path, UNITS[0]
    )
    assert f"ExecStart={sys.executable} -P -m inspectd.cli run /etc/inspectd/%i.toml" in unit_text(tmp_path, UNITS[1])
    assert "    systemctl restart inspectd.service" in told
    assert "    cp /etc/inspectd/inspectd.toml.example /etc/inspectd/inspectd.toml" in told


def test_an_instance_with_its_configuration(tmp_path: Path, config: Path) -> None:
    told = installing(tmp_path, instance="left", config=config)
    put = at(tmp_path, Path("/etc/inspectd/left.toml"))
    assert put.read_bytes() == config.read_bytes()
    assert put.stat().st_mode & 0o007 == 0
    assert "    systemctl enable inspectd@left.service" in told
    assert not any("cp " in line for line in told)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    told = installing(tmp_path / "image", dry_run=True)
    assert len(told) == len(FILES)
    assert all(line.startswith("would be written: ") for line in told)
    assert not (tmp_path / "image").exists()


def test_what_was_changed_by_hand_is_not_replaced(tmp_path: Path) -> None:
    installing(tmp_path)
    unit = at(tmp_path, FILES["inspectd.service"])
    unit.write_text(unit.read_text().replace("WatchdogSec=20", "WatchdogSec=60"))
    rules = at(tmp_path, FILES["udev.rules"])
    rules.unlink()
    with pytest.raises(OutputError, match=r"inspectd\.service: changed by hand"):
        installing(tmp_path)
    assert not rules.exists()
    assert any("refused without --force" in line for line in installing(tmp_path, dry_run=True))
    installing(tmp_path, force=True)
    assert "WatchdogSec=20" in unit.read_text()
    assert rules.exists()


def test_what_an_earlier_release_wrote_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(sys, "executable", "/opt/old/bin/python")
        installing(tmp_path)
    told = installing(tmp_path)
    assert [line for line in told if line.startswith("written: ")] == [
        f"written: {at(tmp_path, FILES[unit])}" for unit in ALL_UNITS
    ]
    assert sys.executable in unit_text(tmp_path, UNITS[0])
    assert not any(line.startswith("written: ") for line in installing(tmp_path))


def test_a_configuration_that_is_there_is_not_replaced(tmp_path: Path, config: Path) -> None:
    installing(tmp_path, config=config)
    config.write_text(config.read_text().replace("99", "98"))
    with pytest.raises(OutputError, match=r"inspectd\.toml: changed by hand"):
        installing(tmp_path, config=config)


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ("/srv/brick", "/home/me/brick", "model.bundle = '/home/me/brick': the service sees nothing in /home"),
        ("/srv/brick", "brick", "model.bundle = 'brick': not an absolute path"),
        ("v4l2:/dev/video0", "images:web/*.png", "cameras.web.source = 'web/[*].png': not an absolute path"),
        ("99\n", "99\n[archive]\npath = 'archive'\n", "archive.path = 'archive': not an absolute path"),
        ("99", "-1", "cameras.web.deadline_ms = -1"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    tmp_path: Path, config: Path, good: str, bad: str, problem: str
) -> None:
    config.write_text(config.read_text().replace(good, bad))
    with pytest.raises(SettingsError, match=problem):
        installing(tmp_path / "image", config=config)
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "inspectd", "a@b"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServiceError, match="--instance"):
        installing(tmp_path, instance=name)


def test_an_interpreter_that_the_service_cannot_see_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/home/me/venv/bin/python")
    with pytest.raises(ServiceError, match=r"/home/me/venv/bin/python: the service sees nothing in /home"):
        installing(Path("/"), dry_run=True)


def test_now_runs_the_commands(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With programs of systemd's names that write down how they are called, and the root of a system of its own."""
    calls = tmp_path / "calls"
    for program in ("systemd-sysusers", "systemd-tmpfiles", "udevadm", "systemctl"):
        path = tmp_path / program
        path.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >> {calls}\n')
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(Target, "is_this_machine", True)
    monkeypatch.setattr(install, "HIDDEN", ())  # wherever this test's interpreter lies
    with pytest.raises(ServiceError, match="--config"):
        installing(tmp_path / "root", now=True)
    installing(tmp_path / "root", now=True, config=config)
    assert calls.read_text().splitlines() == [
        "systemd-sysusers /etc/sysusers.d/inspectd.conf",
        "systemd-tmpfiles --create /etc/tmpfiles.d/inspectd.conf",
        "udevadm control --reload",
        "systemctl daemon-reload",
        "systemctl enable inspectd.service",
        "systemctl restart inspectd.service",
        "systemctl status --no-pager inspectd.service",
    ]


def test_now_is_for_this_machine(tmp_path: Path, config: Path) -> None:
    with pytest.raises(ServiceError, match="--prefix"):
        installing(tmp_path, now=True, config=config)


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no such program"):
        install.carry_out([(str(tmp_path / "none"),)], lambda _: None)
    with pytest.raises(ServiceError, match="'false' ended with code 1"):
        install.carry_out([("false",)], lambda _: None)


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    installing(tmp_path)
    settings = load_settings(at(tmp_path, FILES["example.toml"]))
    assert settings.journal.path == Path("/var/lib/inspectd/journal.db")


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["inspectd", "install-service", "--prefix", str(tmp_path), "--instance", "left"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "systemctl restart inspectd@left.service" in capsys.readouterr().out
