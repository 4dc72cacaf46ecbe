"""Where a batch's time goes, as a process: python -m tools.bench.phases BUNDLE SETTINGS SECONDS.

SETTINGS are `engine` settings as JSON. Prints milliseconds a batch by phase as JSON, each the median of what was
measured one after the other, with nothing else in flight. On a CPU: cutting the tiles, and computing. On a GPU: copying
as many bytes up and down as the batch has, and all the rest of a batch's way, which is computing.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from engines.base import BatchResult, Engine
from engines.builds import Runtime
from engines.bundle import Bundle, open_bundle
from engines.cuda.driver import CudaDriver, wait_until
from engines.cuda.opening import open_driver
from engines.cuts import Cut
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings
from tools.bench.engine_alone import full_batch
from tools.errors import BenchError

COPIES = 50
COPY_TIMEOUT_S = 10.0


def phases(bundle: Path, settings: EngineSettings, seconds: float) -> Mapping[str, float]:
    """Milliseconds of a full batch, by phase."""
    opened = open_bundle(bundle)
    cuts = full_batch(opened, settings.max_batch)
    with make_engine(opened, settings) as engine:
        result = engine.collect(engine.submit(cuts), 60.0)
        whole = _median_ms(lambda: engine.collect(engine.submit(cuts), 60.0), seconds)
        if settings.runtime is Runtime.ONNX:
            return _cpu_phases(engine, cuts, whole)
    driver = open_driver(settings.cuda, settings.device)
    try:
        return gpu_phases(driver, opened, result, whole)
    finally:
        driver.close()


def _cpu_phases(engine: Engine, cuts: Sequence[Cut], whole: float) -> Mapping[str, float]:
    size = engine.geometry.size
    tile = np.empty((1, size, size, 3), np.uint8)

    def cut_all() -> None:
        for cut in cuts:
            cut.write(tile)

    cutting = _median_ms(cut_all, 0.2)
    return {"cut": cutting, "compute": whole - cutting}


def gpu_phases(driver: CudaDriver, bundle: Bundle, result: BatchResult, whole: float) -> Mapping[str, float]:
    """The phases of a batch that took `whole` ms and gave `result`."""
    size = bundle.manifest.tile.size
    up = copy_ms(driver, len(result.score) * size * size * 3, upwards=True)
    down = copy_ms(driver, result.distance.nbytes + result.score.nbytes, upwards=False)
    return {"upload": up, "compute": whole - up - down, "download": down}


def copy_ms(driver: CudaDriver, size: int, *, upwards: bool) -> float:
    """How long `size` bytes take between page-locked memory and the device, ms."""
    with driver.attached():
        host, memory, stream, event = driver.pinned(size), driver.memory(size), driver.stream(), driver.event()
        try:

            def copy() -> None:
                if upwards:
                    stream.upload(memory, host.array)
                else:
                    stream.download(host.array, memory)
                stream.record(event)
                if not wait_until(event.done, COPY_TIMEOUT_S):
                    raise BenchError(f"the GPU has not copied {size} bytes within {COPY_TIMEOUT_S:g} s")

            return statistics.median(_timed_ms(copy) for _ in range(COPIES))
        finally:
            for part in (event, stream):
                part.close()
            for piece in (memory, host):
                piece.free()


def _median_ms(work: Callable[[], object], seconds: float) -> float:
    """Of one run after the other, at least three and as many as fit into `seconds`."""
    end = time.perf_counter() + seconds
    times: list[float] = []
    while len(times) < 3 or time.perf_counter() < end:
        times.append(_timed_ms(work))
    return statistics.median(times)


def _timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    path, given, length = sys.argv[1:]
    found = phases(Path(path), EngineSettings.model_validate_json(given), float(length))
    sys.stdout.write(json.dumps(found) + "\n")
