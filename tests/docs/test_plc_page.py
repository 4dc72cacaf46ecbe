"""docs/plc.md names commands, variables and exit codes that exist; its tables are generated (test_docs.py)."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from inspectd.bridges.command import app
from inspectd.errors import BridgeStateError, PublishError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plc.md").read_text()
COMMANDS = re.findall(r"^    inspectd bridge (.*)$", PAGE, re.MULTILINE)
GROUP = typer.main.get_command(app)


def variables() -> set[str]:
    assert isinstance(GROUP, typer.core.TyperGroup)
    options = [option for command in GROUP.commands.values() for option in command.params]
    return {str(option.envvar) for option in options if isinstance(option, typer.core.TyperOption) and option.envvar}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    assert isinstance(GROUP, typer.core.TyperGroup)
    name, *arguments = shlex.split(command)
    GROUP.commands[name].make_context(name, arguments)


def test_every_bridge_is_shown() -> None:
    assert isinstance(GROUP, typer.core.TyperGroup)
    assert {shlex.split(command)[0] for command in COMMANDS} == set(GROUP.commands)


def test_every_variable_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(INSPECTD_[A-Z_]+)\b(?!`)", PAGE))
    assert named - {"INSPECTD_BRIDGE_PROTOCOL"} <= variables()
    unit = (ROOT / "inspectd" / "service" / "files" / "inspectd-bridge@.service").read_text()
    assert "inspectd.cli bridge ${INSPECTD_BRIDGE_PROTOCOL}" in unit


def test_every_option_that_is_named_exists() -> None:
    assert isinstance(GROUP, typer.core.TyperGroup)
    known = {name for command in GROUP.commands.values() for option in command.params for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", PAGE)) <= known


def test_the_extra_and_the_exit_codes_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert re.findall(r"'inspectd\[(.*?)\]'", PAGE) == ["bridges"]
    assert "bridges" in extras
    assert f"exit code {BridgeStateError.exit_code}" in " ".join(PAGE.split())
    assert f"port is taken with {PublishError.exit_code}" in " ".join(PAGE.split())
