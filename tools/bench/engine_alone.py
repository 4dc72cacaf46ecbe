"""The engine by itself, as a process: python -m tools.bench.engine_alone BUNDLE SETTINGS SECONDS.

SETTINGS are `engine` settings as JSON. Prints tiles per second. Batches are full, cut beforehand, and as many are in
flight as the daemon would have.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

from engines.bundle import Bundle, open_bundle
from engines.cuts import Cut, cuts_of_tiles
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings

WARM_UP_S = 1.0


def full_batch(bundle: Bundle, max_batch: int) -> list[Cut]:
    """The bundle's golden tiles, over and over, until a batch is full."""
    golden = bundle.golden.tiles
    return cuts_of_tiles(np.ascontiguousarray(golden[np.arange(max_batch) % len(golden)]), bundle.manifest.tile)


def tiles_per_second(bundle: Path, settings: EngineSettings, seconds: float) -> float:
    """Feed the bundle's golden tiles for `seconds` after a warm-up."""
    opened = open_bundle(bundle)
    cuts = full_batch(opened, settings.max_batch)
    with make_engine(opened, settings) as engine:
        flying = deque(engine.submit(cuts) for _ in range(engine.slots))
        began, done = time.perf_counter() + WARM_UP_S, 0
        while (now := time.perf_counter()) < began + seconds:
            engine.collect(flying.popleft(), 60.0)
            flying.append(engine.submit(cuts))
            done += settings.max_batch if now >= began else 0
        return done / (time.perf_counter() - began)


if __name__ == "__main__":
    path, given, length = sys.argv[1:]
    rate = tiles_per_second(Path(path), EngineSettings.model_validate_json(given), float(length))
    sys.stdout.write(f"{rate}\n")
