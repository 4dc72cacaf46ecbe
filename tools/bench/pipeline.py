"""The daemon against the engine alone, on tiles of the same size: what does everything around the engine cost?

Each candidate is a process of its own, with the same threads and batches. The daemon is the real one, on picture files
that it has decoded beforehand, so that the disk is not measured; its rate is read off the journal, from the moments at
which verdicts were decided. The engine alone is fed tiles that were cut beforehand.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from engines.bundle import Bundle
from engines.tiling import tile_grid
from inspectd.errors import JournalError
from inspectd.journal import JournalReader
from tools.bench.process import measured_rate
from tools.bench.rounds import Comparison, compare
from tools.errors import ToolsError
from tools.trial_daemon import free_addresses, trial_daemon

START_LIMIT_S = 60.0
PICTURES = 8
"""Different frames; they come again and again."""
MAX_BATCH, SLOTS = 8, 2


@dataclass(frozen=True)
class Load:
    """What both are given."""

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


def compare_pipeline(load: Load, rounds: int) -> Comparison:
    """Tiles per second of the daemon and of the engine alone."""
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        folder = Path(scratch)
        _write_frames(load, folder / "frames")
        return compare(
            ("daemon", partial(_daemon_rate, load, folder)), ("engine alone", partial(_engine_rate, load)), rounds
        )


def _write_frames(load: Load, folder: Path) -> None:
    """Frames of good surface: golden tiles, continued by reflection."""
    folder.mkdir()
    size = load.bundle.manifest.tile.size
    missing = max(0, load.height - size), max(0, load.width - size)
    for index in range(PICTURES):
        tile = load.bundle.golden.tiles[index % len(load.bundle.golden.tiles)]
        frame = cv2.copyMakeBorder(tile, 0, missing[0], 0, missing[1], cv2.BORDER_REFLECT_101)
        cv2.imwrite(str(folder / f"{index}.png"), np.asarray(frame)[: load.height, : load.width, ::-1])


def _engine_rate(load: Load) -> float:
    arguments = (load.bundle.path, load.threads, MAX_BATCH, SLOTS, load.seconds)
    return measured_rate("tools.bench.engine_alone", *arguments)


def _daemon_rate(load: Load, folder: Path) -> float:
    journal = folder / f"journal-{time.monotonic_ns()}.db"
    configuration = folder / "inspectd.toml"
    configuration.write_text(_configuration(load, folder / "frames", journal))
    with trial_daemon(configuration, folder / "daemon.log") as process:
        _wait_for_verdict(process, journal, folder / "daemon.log")
        time.sleep(1.0 + load.seconds)
    return _rate_in_journal(journal, load.seconds) * load.tiles_per_frame


def _configuration(load: Load, frames: Path, journal: Path) -> str:
    verdicts, maps, replay = free_addresses(3)
    cameras = "".join(
        f'[cameras.bench-{index}]\nsource = "images:{frames}"\nloop = true\npreload = true\ndeadline_ms = 60000\n'
        for index in range(load.cameras)
    )
    return f"""
[model]
bundle = {json.dumps(str(load.bundle.path))}
[engine]
threads = {load.threads}
max_batch = {MAX_BATCH}
slots = {SLOTS}
[publish]
verdicts = "{verdicts}"
maps = "{maps}"
replay = "{replay}"
[journal]
path = {json.dumps(str(journal))}
{cameras}"""


def _wait_for_verdict(process: subprocess.Popen[bytes], journal: Path, log: Path) -> None:
    end = time.monotonic() + START_LIMIT_S
    while not _decided(journal):
        if process.poll() is not None or time.monotonic() > end:
            raise ToolsError(f"the daemon gave no verdict:\n{log.read_text()}")
        time.sleep(0.1)


def _rate_in_journal(journal: Path, seconds: float) -> float:
    """Verdicts per second over `seconds` that begin one second after the first verdict."""
    decided = _decided(journal)
    begin = decided[0] + 1_000_000_000
    within = [moment for moment in decided if begin <= moment < begin + int(seconds * 1e9)]
    return (len(within) - 1) / ((within[-1] - within[0]) / 1e9)


def _decided(journal: Path) -> list[int]:
    """CLOCK_MONOTONIC of every verdict, ns, ascending; any ERROR would be a measurement of something else."""
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
