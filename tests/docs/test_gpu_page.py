"""docs/gpu.md names extras, options, settings and exit codes that exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from engines.golden import FP16_TOLERANCE, FP32_TOLERANCE
from inspectd.cli import app
from inspectd.errors import DeviceFailure, EngineFailure, SettingsError
from inspectd.pipeline.runner import FAILURES_TO_GIVE_UP
from inspectd.settings import make_settings
from tests.engines.cuda.test_tile_kernel import CARDS
from tools.build.command import build

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gpu.md").read_text()
COMMANDS = re.findall(r"^    (?:sudo )?(?:\.venv/bin/)?(inspectd(?:-train)? .*)$", PAGE, re.MULTILINE)


def test_every_extra_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    doctor = (ROOT / "inspectd" / "doctor" / "tensorrt.py").read_text()
    named = {extra for group in re.findall(r"'(?:inspectd|\.)\[([a-z0-9,-]+)\]'", PAGE) for extra in group.split(",")}
    assert {"gpu", "gpu-cu12", "rtx", "rtx-cu12"} <= named <= set(extras)
    assert 'extra = "rtx" if rtx else "gpu"' in doctor


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    program, name, *arguments = shlex.split(command)
    if program == "inspectd":
        group = typer.main.get_command(app)
        assert isinstance(group, typer.core.TyperGroup)
        group.commands[name].make_context(name, arguments)
    else:
        assert name == "build"
        alone = typer.Typer()
        alone.command()(build)
        typer.main.get_command(alone).make_context(name, arguments)


def test_the_configuration_is_valid() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    document = tomllib.loads(block) | {"model": {"bundle": "b"}, "cameras": {"web": {"source": "opencv:0"}}}
    make_settings(document, origin="docs/gpu.md")


def test_exit_codes_and_limits_are_those_of_the_code() -> None:
    rows = [row.split("|") for row in re.findall(r"^\| .* \|$", PAGE, re.MULTILINE) if row.count("|") == 4]
    codes = {row[1].strip(): row[3].strip() for row in rows}
    assert codes["a batch fails, as for want of memory"] == str(EngineFailure.exit_code)
    assert codes["no answer within `engine.timeout_s`"] == str(EngineFailure.exit_code)
    assert codes["the GPU is lost (fallen off the bus, memory error, driver reset)"] == str(DeviceFailure.exit_code)
    assert codes["there is no engine for this PC, or it is damaged"] == str(SettingsError.exit_code)
    assert FAILURES_TO_GIVE_UP == 5  # "after five in a row"
    assert (FP32_TOLERANCE, FP16_TOLERANCE) == (0.001, 0.02)  # "within 0.1 %", "within 2 %"


def test_the_cards_that_the_kernel_is_compiled_for() -> None:
    (told,) = re.findall(r"compiled by nvcc for ([\d., and]+) and by NVRTC", PAGE)
    assert set(re.findall(r"\d+\.\d", told)) == {f"{card[:-1]}.{card[-1]}" for card in CARDS}
