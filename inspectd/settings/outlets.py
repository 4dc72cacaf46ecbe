"""Where requests come in, and where results, records and the log go."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from inspectd.settings.section import Positive, Section
from inspectd.wire import addresses

MAX_PORT = 65535


class ControlSettings(Section):
    """Where requests come in: triggers."""

    address: str = addresses.CONTROL
    """ROUTER socket that answers requests."""
    max_open_parts: int = Field(default=64, ge=1, le=4096)
    """Most parts that may wait for their verdicts; further triggers are refused."""


class PublishSettings(Section):
    """Where results leave. Without keys everything binds to this machine alone."""

    verdicts: str = addresses.VERDICTS
    """PUB socket of verdicts and heartbeats."""
    maps: str = addresses.MAPS
    """PUB socket of maps."""
    replay: str = addresses.REPLAY
    """ROUTER socket that answers replay requests."""
    map_encoding: Literal["float16", "png", "off"] = "float16"
    """`float16` for machines, `png` for eyes, `off` for none."""
    max_regions: int = Field(default=64, ge=1, le=4096)
    """Most regions listed in a verdict, largest peak first."""
    pictures: str = addresses.PICTURES
    """PUB socket of small pictures for people (`inspectd view`), made only while somebody subscribes. An empty text for
    none."""
    picture_side: int = Field(default=960, ge=64, le=4096)
    """Longest side of these, px."""
    pictures_hz: float = Field(default=2.0, gt=0, le=50)
    """Most of these a second and camera; frames that did not pass come first. Where all cameras' would take
    more than half a percent of one core there are fewer, but one in two seconds."""


class MetricsSettings(Section):
    """Figures for Prometheus."""

    address: str = addresses.METRICS
    """Where HTTP is answered: HOST:PORT. An empty text for nowhere."""

    @field_validator("address")
    @classmethod
    def _host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isascii() and port.isdecimal() and 0 < int(port) <= MAX_PORT):
            raise ValueError(f"write it as in '{addresses.METRICS}', or '' for none")
        return address


class JournalSettings(Section):
    """The durable record of every verdict."""

    path: Path = Path("/var/lib/inspectd/journal.db")
    """SQLite file; its directory must exist."""
    max_age_days: Positive = 30.0
    """Older verdicts are removed."""
    max_size_mb: int = Field(default=1024, ge=8)
    """The oldest verdicts are removed beyond this, MiB."""


class LogSettings(Section):
    """What the daemon tells its operator."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` for people, `json` for a journal, `auto`: console on a terminal, JSON otherwise."""
