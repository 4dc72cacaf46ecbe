"""docs/service.md: what it says of exit codes, states and several lines is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from inspectd.errors import DeviceFailure, EngineFailure, InspectdError, JournalError, PublishError, SettingsError
from inspectd.service import install
from inspectd.settings import make_settings

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
UNIT = (Path(install.__file__).parent / "files" / "inspectd.service").read_text()


@pytest.mark.parametrize(
    "error", [SettingsError, JournalError, PublishError, EngineFailure, DeviceFailure, InspectdError]
)
def test_every_exit_code_of_the_daemon_is_told(error: type[InspectdError]) -> None:
    assert f"\n| {error.exit_code} | " in PAGE


def test_what_stays_down_is_what_the_unit_does_not_restart() -> None:
    stays_down = set(re.findall(r"^\| (\d+) \|[^|]*\| stays down", PAGE, re.MULTILINE))
    listed = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT, re.MULTILINE)
    assert listed is not None
    assert stays_down == {"0", *listed[1].split()}


def test_the_settings_of_a_line_of_its_own() -> None:
    text = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert text is not None
    line = {"model": {"bundle": "/srv/x"}, "cameras": {"web": {"source": "images:/srv/pictures"}}}
    settings = make_settings({**line, **tomllib.loads(text[1])}, origin="docs/service.md")
    assert settings.publisher == "left"


def test_every_place_that_is_installed_is_told() -> None:
    for path in install.DESTINATIONS.values():
        assert path.name in PAGE
