"""The command line as its user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engines.errors import BundleError, GoldenError
from inspectd import __version__
from inspectd.cli import exit_code
from inspectd.errors import JournalError
from tests.daemons import free_port
from tests.inspectd.publishing import draft, local_settings, publishing

COMMAND = [sys.executable, "-m", "inspectd.cli"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )


def test_version() -> None:
    assert run("--version").stdout == f"inspectd {__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("run",),
        ("check",),
        ("watch",),
        ("replay",),
        ("cameras",),
        ("snap",),
        ("record",),
        ("install-service",),
        ("models", "add"),
        ("models", "activate"),
        ("threshold", "set"),
    ],
)
def test_help_fits_80_columns_and_gives_an_example(command: tuple[str, ...]) -> None:
    told = run(*command, "--help")
    assert told.returncode == 0
    assert "Example: " in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80


def test_help_imports_little() -> None:
    program = "import sys, inspectd.cli; print(*sorted(sys.modules))"
    imported = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(imported) & {"numpy", "cv2", "zmq", "onnxruntime", "pydantic_settings", "structlog"} == set()


@pytest.mark.parametrize("arguments", [("inspect",), ("run",), ("replay", "--first", "0"), ("watch", "--port", "1")])
def test_a_wrong_command_line_is_told(arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert told.returncode == 2
    assert "Usage" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    told = run("run", str(tmp_path / "line.toml"))
    assert told.returncode == 78
    assert told.stderr == f"error: {tmp_path}/line.toml: cannot be read: No such file or directory\n"


def test_replay_prints_a_line_a_verdict(tmp_path: Path) -> None:
    settings = local_settings()
    with publishing(tmp_path / "journal.db", settings) as publisher:
        for frame in range(1, 1201):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        told = run("replay", "--replay", settings.replay, "--first", "3", "--last", "1100")
        assert told.returncode == 0
        assert [json.loads(line)["sequence"] for line in told.stdout.splitlines()] == list(range(3, 1101))
        into_head = subprocess.run(
            ["sh", "-c", f"{' '.join(COMMAND)} replay --replay {settings.replay} | head -n 1"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(into_head.stdout)["sequence"] == 1
        assert "Traceback" not in into_head.stderr


def test_watch_prints_a_plain_line_a_verdict_off_a_terminal(tmp_path: Path) -> None:
    settings = local_settings()
    with publishing(tmp_path / "journal.db", settings) as publisher:
        publisher.submit(draft(1))
        arguments = ["watch", "--verdicts", settings.verdicts, "--replay", settings.replay, "--since", "1"]
        watching = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert watching.stdout is not None
        line = watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=20)
    assert line.split() == ["1", "web", "#1", "FAIL", "2.5", "/", "1", "1", "region", "5.0", "ms", "1.png"]
    assert watching.returncode == 130
    assert errors == ""


def test_replay_without_a_daemon_is_told() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    told = run("replay", "--replay", address)
    assert told.returncode == 1
    assert told.stderr.startswith(f"error: no replay from '{address}'")
    assert "Traceback" not in told.stderr


def test_errors_have_their_exit_codes() -> None:
    assert exit_code(BundleError("")) == 78
    assert exit_code(GoldenError("")) == 70
    assert exit_code(JournalError("")) == 74
