"""`inspectd run` with an engine that has a fault: python -m tests.faults.faulty_daemon FAULT CONFIG."""

from __future__ import annotations

import itertools
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import BatchResult, Engine, Ticket
from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuts import Cut
from engines.onnx import OnnxEngine
from engines.tensorrt import TensorRTEngine
from inspectd import log
from inspectd.daemon import run
from inspectd.model import MakeEngine
from inspectd.settings import EngineSettings, load_settings
from tests.engines.recording.driver import RecordingDriver
from tests.engines.recording.plan import RecordingLoader

SOUND_BATCHES = 20
"""Before the fault shows."""
FAULTY_BATCHES = 3
"""Fewer than the daemon gives an engine up for."""
TILE_S = 0.01
"""What a slow engine takes for a tile."""


class SlowEngine(OnnxEngine):
    """Takes its time."""

    def _run(self, *arguments: Any) -> BatchResult:
        result = super()._run(*arguments)
        time.sleep(TILE_S * len(result.score))
        return result


class StretchedEngine(OnnxEngine):
    """Takes from 1 to 3 times as long for a batch as the engine itself: 2 ± 50 %."""

    def _run(self, *arguments: Any) -> BatchResult:
        began = time.perf_counter()
        result = super()._run(*arguments)
        time.sleep((time.perf_counter() - began) * random.uniform(0.0, 2.0))  # noqa: S311 - no secret
        return result


class HungEngine(OnnxEngine):
    """Never answers again after its first batches."""

    _batches = itertools.count()

    def _run(self, *arguments: Any) -> BatchResult:
        if next(self._batches) >= SOUND_BATCHES:
            threading.Event().wait()
        return super()._run(*arguments)


class NumberlessEngine(OnnxEngine):
    """For a few batches its graph computes with centroids that are no numbers, and so are its distances."""

    number = np.nan
    _batches = itertools.count()

    def _run(self, session: Any, flight: Any) -> BatchResult:
        if SOUND_BATCHES <= next(self._batches) < SOUND_BATCHES + FAULTY_BATCHES:
            flight = replace(flight, centroids=np.full_like(flight.centroids, self.number))
        return super()._run(session, flight)


class InfiniteEngine(NumberlessEngine):
    """Likewise, infinite."""

    number = np.inf


class EngineOnALostGpu(TensorRTEngine):
    """Loses its GPU between a batch's submission and its collection."""

    def __init__(self, bundle: Bundle, max_batch: int) -> None:
        self._driver = RecordingDriver()
        self._batches = -1_000_000  # those of the activation do not count
        loader = RecordingLoader(bundle, max_batch=max_batch)
        super().__init__(
            bundle, lambda: self._driver, loader, precision=Precision.FP16, max_batch=max_batch, tell=print
        )

    def activate(self) -> None:
        """Activate, and begin to count."""
        super().activate()
        self._batches = 0

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        """Submit, and lose the GPU when it is time."""
        ticket = super().submit(cuts)
        self._batches += 1
        if self._batches == SOUND_BATCHES:
            self._driver.lose()
        return ticket


def _on_the_cpu(kind: type[OnnxEngine]) -> MakeEngine:
    return lambda bundle, settings: kind(bundle, threads=1, max_batch=settings.max_batch, slots=2)


def _on_a_gpu(bundle: Bundle, settings: EngineSettings) -> Engine:
    return EngineOnALostGpu(bundle, settings.max_batch)


FAULTS: dict[str, MakeEngine] = {
    "slow": _on_the_cpu(SlowEngine),
    "stretched": _on_the_cpu(StretchedEngine),
    "hung": _on_the_cpu(HungEngine),
    "nan": _on_the_cpu(NumberlessEngine),
    "inf": _on_the_cpu(InfiniteEngine),
    "lost-gpu": _on_a_gpu,
}

if __name__ == "__main__":
    fault, config = sys.argv[1], Path(sys.argv[2])
    settings = load_settings(config)
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, engine=FAULTS[fault], load=partial(load_settings, config)))
