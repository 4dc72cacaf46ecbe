"""Running the real daemon on a scene, and showing what it publishes as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspectd.client import Client, Gap, Map, Verdict
from tools.demo.scene import Scene
from tools.errors import ToolsError
from tools.trial_daemon import free_addresses, trial_daemon

CAMERA = "web"
PATIENCE_S = 60.0
"""For the daemon to say something."""


@dataclass(frozen=True)
class Stand:
    """Where the demonstration's daemon lives."""

    configuration: Path
    log: Path
    verdicts: str
    maps: str
    replay: str


@dataclass
class Heard:
    """What a client heard of the daemon."""

    verdicts: list[Verdict] = field(default_factory=list)
    maps: dict[int, tuple[NDArray[np.float32], int]] = field(default_factory=dict)
    """Map and its cell, px, by sequence number."""
    first_after_s: float = 0.0
    """From the daemon's start to its first verdict."""


def set_up(workspace: Path, scene: Scene, bundle: Path, rate_hz: float) -> Stand:
    """Write the configuration that the daemon is started with; a user may start it again."""
    verdicts, maps, replay, control = free_addresses(4)
    text = {
        "bundle": bundle.resolve(),
        "source": f"images:{scene.frames.resolve()}",
        "journal": (workspace / "journal.db").resolve(),
        "verdicts": verdicts,
        "maps": maps,
        "replay": replay,
        "control": control,
    }
    quoted: Mapping[str, str] = {key: json.dumps(str(value)) for key, value in text.items()}
    configuration = workspace / "inspectd.toml"
    configuration.write_text(f"""\
publisher = "demo"

[model]
bundle = {quoted["bundle"]}

[cameras.{CAMERA}]
source = {quoted["source"]}
rate_hz = {float(rate_hz)}

[publish]
verdicts = {quoted["verdicts"]}
maps = {quoted["maps"]}
replay = {quoted["replay"]}
pictures = ""

[control]
address = {quoted["control"]}

[metrics]
address = ""

[journal]
path = {quoted["journal"]}
""")
    return Stand(configuration, workspace / "daemon.log", verdicts, maps, replay)


def inspect_scene(stand: Stand, scene: Scene, show: Callable[[Verdict], None]) -> Heard:
    """Start the daemon, show every verdict, and stop it when the last frame has its verdict.

    Raises:
        ToolsError: it ended by itself or fell silent, with its last words; or verdicts went missing.
    """
    heard = Heard()
    with (
        Client(stand.verdicts, replay=stand.replay, maps=stand.maps, since=1) as client,
        trial_daemon(stand.configuration, stand.log) as daemon,
    ):
        began = heard_at = time.monotonic()
        while len(heard.verdicts) < len(scene.truth):
            event = client.receive(0.2)
            match event:
                case Verdict():
                    heard.first_after_s = heard.first_after_s or time.monotonic() - began
                    heard.verdicts.append(event)
                    show(event)
                case Map():
                    heard.maps[event.header.sequence] = event.distance, event.header.cell
                case Gap():
                    raise ToolsError(f"verdicts {event.first} to {event.last} did not come: {event.detail}")
            heard_at = heard_at if event is None else time.monotonic()
            if daemon.poll() is not None or time.monotonic() - heard_at > PATIENCE_S:
                raise ToolsError(f"the daemon stopped talking; its log, {stand.log}, ends with:\n{_tail(stand.log)}")
        for late in _until_quiet(client):
            heard.maps[late.header.sequence] = late.distance, late.header.cell
    return heard


def _until_quiet(client: Client) -> Iterator[Map]:
    """The last maps: they travel on their own socket, behind their verdicts."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        event = client.receive(0.1)
        if isinstance(event, Map):
            yield event


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-15:])
