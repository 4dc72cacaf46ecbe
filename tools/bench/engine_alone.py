"""The engine by itself, as a process: python -m tools.bench.engine_alone BUNDLE THREADS MAX_BATCH SLOTS SECONDS.

Prints tiles per second. Batches are full, cut beforehand, and as many are in flight as the daemon would have.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

from engines.bundle import open_bundle
from engines.cuts import cuts_of_tiles
from engines.onnx import OnnxEngine

WARM_UP_S = 1.0


def tiles_per_second(bundle: Path, threads: int, max_batch: int, slots: int, seconds: float) -> float:
    """Feed the bundle's golden tiles for `seconds` after a warm-up."""
    opened = open_bundle(bundle)
    golden = opened.golden.tiles
    batch = np.ascontiguousarray(golden[np.arange(max_batch) % len(golden)])
    with OnnxEngine(opened, threads=threads, max_batch=max_batch, slots=slots) as engine:
        cuts = cuts_of_tiles(batch, engine.geometry)
        flying = deque(engine.submit(cuts) for _ in range(slots))
        began, done = time.perf_counter() + WARM_UP_S, 0
        while (now := time.perf_counter()) < began + seconds:
            engine.collect(flying.popleft(), 60.0)
            flying.append(engine.submit(cuts))
            done += max_batch if now >= began else 0
        return done / (time.perf_counter() - began)


if __name__ == "__main__":
    path, *numbers = sys.argv[1:]
    threads, max_batch, slots = (int(number) for number in numbers[:3])
    sys.stdout.write(f"{tiles_per_second(Path(path), threads, max_batch, slots, float(numbers[3]))}\n")
