"""The daemon against the engine alone, on tiles of the same size: what does everything around the engine cost?

Each candidate is a process of its own, with the same threads and batches. The daemon is the real one; its rate is read
off the journal, from the moments at which verdicts were decided. The engine alone is fed tiles cut beforehand.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from inspectd.settings import EngineSettings
from tools.bench import engine as engines_alone
from tools.bench.line import MAX_BATCH, SLOTS, Load, decided, running_line, write_frames
from tools.bench.rounds import Comparison, compare


def compare_pipeline(load: Load, rounds: int) -> Comparison:
    """Tiles per second of the daemon and of the engine alone."""
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        folder = Path(scratch)
        write_frames(load, folder / "frames")
        return compare(
            ("daemon", partial(_daemon_rate, load, folder)), ("engine alone", partial(engine_rate, load)), rounds
        )


def engine_rate(load: Load) -> float:
    """Tiles per second of the engine alone, in full batches."""
    settings = EngineSettings(threads=load.threads, max_batch=MAX_BATCH, slots=SLOTS)
    return engines_alone.engine_rate(load.bundle, settings, load.seconds)


def _daemon_rate(load: Load, folder: Path) -> float:
    with running_line(load, folder, {}) as line:
        time.sleep(1.0 + load.seconds)
    return _rate_in_journal(line.journal, load.seconds) * load.tiles_per_frame


def _rate_in_journal(journal: Path, seconds: float) -> float:
    """Verdicts per second over `seconds` that begin one second after the first verdict."""
    moments = decided(journal)
    begin = moments[0] + 1_000_000_000
    within = [moment for moment in moments if begin <= moment < begin + int(seconds * 1e9)]
    return (len(within) - 1) / ((within[-1] - within[0]) / 1e9)
