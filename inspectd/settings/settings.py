"""The configuration as a whole: one TOML file, overridden by `INSPECTD_…` environment variables.

Unknown keys are refused. docs/settings.md is generated from the docstrings in this package.
"""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from inspectd.errors import SettingsError
from inspectd.settings.archive import ArchiveSettings
from inspectd.settings.cameras import CAMERA_KINDS, CameraSettings
from inspectd.settings.drift import DriftSettings
from inspectd.settings.engine import EngineSettings, ModelSettings
from inspectd.settings.outlets import ControlSettings, JournalSettings, LogSettings, MetricsSettings, PublishSettings
from inspectd.settings.section import NAME, Positive
from inspectd.settings.security import SecuritySettings, exposures

ENVIRONMENT_PREFIX = "INSPECTD_"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    publisher: str = Field(default_factory=socket.gethostname, pattern=NAME, max_length=64)
    """Name of this daemon on the wire. Default: the host's name."""
    drain_s: Positive = 10.0
    """On SIGTERM, time for the frames already taken; what is then still open is ERROR `shutdown`."""
    model: ModelSettings
    engine: EngineSettings = EngineSettings()
    cameras: dict[Annotated[str, Field(pattern=NAME, max_length=64)], CameraSettings] = Field(min_length=1)
    """One table a camera, `[cameras.NAME]`."""
    publish: PublishSettings = PublishSettings()
    control: ControlSettings = ControlSettings()
    metrics: MetricsSettings = MetricsSettings()
    security: SecuritySettings = SecuritySettings()
    journal: JournalSettings = JournalSettings()
    archive: ArchiveSettings = ArchiveSettings()
    drift: DriftSettings = DriftSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init values."""
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """Read a configuration file and the environment.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or holds unknown keys or impossible values; every problem
            is named at once, one a line.
    """
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    return make_settings(document, origin=str(path))


def make_settings(document: dict[str, Any], *, origin: str) -> Settings:
    """Check a configuration that was read already.

    Raises:
        SettingsError: as `load_settings`.
    """
    unknown = _unknown_environment()
    try:
        settings = Settings(**document)
    except ValidationError as error:
        problems = [f"{origin}: {_problem(detail)}" for detail in error.errors()]
        raise SettingsError("\n".join(problems + unknown)) from error
    except EnvironmentSettingsError as error:  # a whole section in one variable, which must be JSON
        raise SettingsError("\n".join([f"environment: {error}: not JSON", *unknown])) from error
    exposed = [] if settings.security.insecure else exposures(settings, settings.security)
    if problems := [*unknown, *(f"{origin}: {problem}" for problem in exposed)]:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown_environment() -> list[str]:
    """pydantic-settings passes over variables that name no field at the top; a typo there must not be silent."""
    return [
        f"environment: {name}: no such setting; the sections are {', '.join(sorted(Settings.model_fields))}"
        for name in sorted(os.environ)
        if name.startswith(ENVIRONMENT_PREFIX)
        and name.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0].lower() not in Settings.model_fields
        and name not in {"INSPECTD_DATA", "INSPECTD_KEYS"}  # of tests, and of the commands that connect
        and not name.startswith("INSPECTD_BRIDGE_")  # of `inspectd bridge`
    ]


def _problem(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part not in CAMERA_KINDS)
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such setting (see docs/settings.md); was it misspelt?"
    if detail["type"] == "missing":
        return f"{key}: must be set (see docs/settings.md)"
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):  # a table whose keys do not go together
        return f"{key}: {detail['msg'].removeprefix('Value error, ')}"
    return f"{key} = {detail['input']!r}: {detail['msg']}"
