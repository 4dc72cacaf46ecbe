"""The configuration: one TOML file, overridden by `INSPECTD_…` environment variables. Unknown keys are refused.

docs/settings.md is generated from the docstrings below.
"""

from __future__ import annotations

import os
import socket
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from inspectd.errors import SettingsError

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
ENVIRONMENT_PREFIX = "INSPECTD_"

Positive = Annotated[float, Field(gt=0, le=86_400_000, allow_inf_nan=False)]


class DropPolicy(StrEnum):
    """What gives way when frames come faster than they can be inspected."""

    OLDEST = "oldest"
    """The frame that has waited longest is given up, as ERROR `overrun`; the newest is inspected."""
    NEWEST = "newest"
    """The frame that just came is given up, as ERROR `overrun`."""
    BLOCK = "block"
    """The camera waits. Right for files, which do not run away."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class _CameraBase(_Section):
    deadline_ms: Positive = 1000.0
    """A frame's verdict is there this long after it was taken; if it cannot be, it is ERROR `deadline`."""
    queue_frames: int = Field(default=4, ge=1, le=256)
    """Frames that may wait for the engine before the drop policy acts."""
    max_frame_mb: int = Field(default=64, ge=1, le=1024)
    """Largest frame taken, MiB of raw pixels. Memory is used only as far as frames fill it."""
    stall_s: Positive = 5.0
    """A camera that should deliver but has not for this long is stalled: its process is replaced."""
    backoff_max_s: Positive = 30.0
    """Longest pause between two tries to bring a lost camera back; tries begin at 0.5 s and double, with jitter."""
    mm_per_px: Positive | None = None
    """Scale of this camera; regions are then given in mm as well. Default: the bundle's."""


class ImagesCamera(_CameraBase):
    """Picture files as a camera: a folder, a file or a glob pattern, in order of their names."""

    deadline_ms: Positive = 10_000.0
    """As for other cameras; longer, since files wait for the engine rather than run away from it."""

    source: str = Field(pattern=r"^images:.+")
    """`images:` and a folder, a file or a glob pattern."""
    drop: DropPolicy = DropPolicy.BLOCK
    """`oldest`, `newest` or `block`: what gives way when frames come too fast."""
    rate_hz: float = Field(default=0.0, ge=0)
    """Frames a second; 0 takes them as fast as they are inspected."""
    loop: bool = False
    """Begin again after the last picture."""
    preload: bool = False
    """Decode every picture once and keep it in memory, for measuring the daemon rather than the disk."""


class OpencvCamera(_CameraBase):
    """A camera, video file or network stream through OpenCV (V4L2 and FFmpeg)."""

    source: str = Field(pattern=r"^opencv:.+")
    """`opencv:` and a device (`/dev/video0` or its number), a video file or a URL."""
    drop: DropPolicy | None = None
    """`oldest`, `newest` or `block`. Default: `block` for a video file, `oldest` for everything live."""
    width: int | None = Field(default=None, ge=16)
    """Frame width asked of a device, px."""
    height: int | None = Field(default=None, ge=16)
    """Frame height asked of a device, px."""
    rate_hz: Positive | None = None
    """Frame rate asked of a device."""
    loop: bool = False
    """Begin a video file again after its end."""


def camera_kind(value: object) -> str | None:
    """The kind of a camera: the part of its source before the first colon."""
    source = value.get("source") if isinstance(value, dict) else getattr(value, "source", None)
    return source.partition(":")[0] if isinstance(source, str) and ":" in source else None


CameraSettings = Annotated[
    Annotated[ImagesCamera, Tag("images")] | Annotated[OpencvCamera, Tag("opencv")],
    Discriminator(
        camera_kind,
        custom_error_type="camera_source",
        custom_error_message=(
            "source must begin with 'images:' or 'opencv:', as in 'images:/data/web/*.png' or 'opencv:/dev/video0'"
        ),
    ),
]


class ModelSettings(_Section):
    """What judges."""

    bundle: Path
    """Directory of the bundle, as `inspectd-train fit` printed it."""


class EngineSettings(_Section):
    """What runs the model."""

    runtime: Literal["onnx"] = "onnx"
    """`onnx`: ONNX Runtime on the CPU."""
    threads: int = Field(default=0, ge=0, le=256)
    """Threads of the engine; 0 takes one for each core the daemon may use."""
    max_batch: int = Field(default=8, ge=1, le=256)
    """Most tiles the engine is given at a time; batches are filled across frames and cameras."""
    slots: int = Field(default=2, ge=1, le=16)
    """Most batches in flight: with two, the next is cut while the engine runs the first."""
    timeout_s: Positive = 30.0
    """An engine that has not answered a batch for this long is taken for dead, and the daemon leaves."""


class PublishSettings(_Section):
    """Where results leave. Without keys everything binds to this machine alone."""

    verdicts: str = "tcp://127.0.0.1:5590"
    """PUB socket of verdicts and heartbeats."""
    maps: str = "tcp://127.0.0.1:5591"
    """PUB socket of maps."""
    replay: str = "tcp://127.0.0.1:5592"
    """ROUTER socket that answers replay requests."""
    map_encoding: Literal["float16", "png", "off"] = "float16"
    """`float16` for machines, `png` for eyes, `off` for none."""
    max_regions: int = Field(default=64, ge=1, le=4096)
    """Most regions listed in a verdict, largest peak first."""


class JournalSettings(_Section):
    """The durable record of every verdict."""

    path: Path = Path("/var/lib/inspectd/journal.db")
    """SQLite file; its directory must exist."""
    max_age_days: Positive = 30.0
    """Older verdicts are removed."""
    max_size_mb: int = Field(default=1024, ge=8)
    """The oldest verdicts are removed beyond this, MiB."""


class LogSettings(_Section):
    """What the daemon tells its operator."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` for people, `json` for a journal, `auto`: console on a terminal, JSON otherwise."""


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
    journal: JournalSettings = JournalSettings()
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
    if unknown:
        raise SettingsError("\n".join(unknown))
    return settings


def _unknown_environment() -> list[str]:
    """pydantic-settings passes over variables that name no field at the top; a typo there must not be silent."""
    return [
        f"environment: {name}: no such setting; the sections are {', '.join(sorted(Settings.model_fields))}"
        for name in sorted(os.environ)
        if name.startswith(ENVIRONMENT_PREFIX)
        and name.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0].lower() not in Settings.model_fields
        and name != "INSPECTD_DATA"
    ]


def _problem(detail: Any) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part not in {"images", "opencv"})
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such setting (see docs/settings.md); was it misspelt?"
    if detail["type"] == "missing":
        return f"{key}: must be set (see docs/settings.md)"
    return f"{key} = {detail['input']!r}: {detail['msg']}"
