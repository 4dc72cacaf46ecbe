"""The real daemon on picture files that it has decoded beforehand, so that the disk is not measured."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.bundle import Bundle
from engines.tiling import tile_grid
from inspectd.errors import JournalError
from inspectd.journal import JournalReader
from tools.errors import ToolsError
from tools.trial_daemon import free_addresses, trial_daemon

START_LIMIT_S = 60.0
PICTURES = 8
"""Different frames; they come again and again."""
MAX_BATCH, SLOTS = 8, 2


@dataclass(frozen=True)
class Load:
    """What the daemon is given."""

    bundle: Bundle
    threads: int
    width: int
    """Of a frame, px."""
    height: int
    cameras: int
    seconds: float
    """Of a measurement, without its warm-up."""

    @property
    def tiles_per_frame(self) -> int:
        """Tiles that a frame is cut into."""
        return len(tile_grid(self.height, self.width, self.bundle.manifest.tile))


@dataclass(frozen=True)
class RunningLine:
    """A daemon that has given its first verdict."""

    journal: Path
    verdicts: str
    """Address of its verdicts."""
    control: str
    """Address of its control socket."""
    pid: int
    """Of its process."""
    maps: str
    """Address of its maps."""
    pictures: str
    """Address of its pictures."""
    replay: str
    """Address of its replay socket."""


def write_frames(load: Load, folder: Path) -> None:
    """Frames of good surface: golden tiles, continued by reflection."""
    folder.mkdir()
    size = load.bundle.manifest.tile.size
    missing = max(0, load.height - size), max(0, load.width - size)
    for index in range(PICTURES):
        tile = load.bundle.golden.tiles[index % len(load.bundle.golden.tiles)]
        frame = cv2.copyMakeBorder(tile, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT_101)
        cv2.imwrite(str(folder / f"{index}.png"), np.asarray(frame)[: load.height, : load.width, ::-1])


@contextmanager
def running_line(
    load: Load, folder: Path, camera: Mapping[str, object], registry: Path | None = None
) -> Iterator[RunningLine]:
    """The daemon, with `load.cameras` cameras that show the frames in `folder`/frames, each with the settings `camera`.

    Where there is a `registry`, it judges with the bundle that is active there.

    Raises:
        ToolsError: it gave no verdict.
    """
    journal, log = folder / f"journal-{time.monotonic_ns()}.db", folder / "daemon.log"
    verdicts, maps, replay, control, pictures = free_addresses(5)
    settings = {"source": f"images:{folder / 'frames'}", "loop": True, "preload": True, "deadline_ms": 60_000, **camera}
    table = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    cameras = "".join(f"[cameras.bench-{index}]\n{table}" for index in range(load.cameras))
    configuration = folder / "inspectd.toml"
    configuration.write_text(f"""
[model]
{_judging(load, registry)}
[engine]
threads = {load.threads}
max_batch = {MAX_BATCH}
slots = {SLOTS}
[publish]
verdicts = "{verdicts}"
maps = "{maps}"
replay = "{replay}"
pictures = "{pictures}"
[control]
address = "{control}"
[metrics]
address = ""
[journal]
path = {json.dumps(str(journal))}
{cameras}""")
    with trial_daemon(configuration, log) as process:
        _wait_for_verdict(process, journal, log)
        yield RunningLine(journal, verdicts, control, process.pid, maps, pictures, replay)


def decided(journal: Path) -> list[int]:
    """CLOCK_MONOTONIC of every verdict, ns, ascending.

    Raises:
        ToolsError: a verdict is ERROR, so that something else was measured.
    """
    try:
        with JournalReader(journal) as reader:
            last = reader.bounds().last
            verdicts = [json.loads(message) for message in reader.read(1, last, last)]
    except JournalError:  # not made yet
        return []
    errors = {verdict["reason"] for verdict in verdicts if verdict["outcome"] == "ERROR"} - {"shutdown"}
    if errors:
        raise ToolsError(f"the daemon said ERROR {', '.join(sorted(errors))}; this is no measurement")
    return sorted(verdict["decided_monotonic_ns"] for verdict in verdicts)


def _judging(load: Load, registry: Path | None) -> str:
    key, path = ("bundle", load.bundle.path) if registry is None else ("registry", registry)
    return f"{key} = {json.dumps(str(path))}"


def _wait_for_verdict(process: subprocess.Popen[bytes], journal: Path, log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while not decided(journal):
        if process.poll() is not None or time.monotonic() > end:
            raise ToolsError(f"the daemon gave no verdict:\n{log.read_text()}")
        time.sleep(0.1)
