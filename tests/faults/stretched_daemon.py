"""`inspectd run` with an engine whose speed wavers by ±50 %: python -m tests.faults.stretched_daemon CONFIG."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

from engines.base import BatchResult, Engine
from engines.bundle import Bundle
from engines.onnx import OnnxEngine
from inspectd import log
from inspectd.daemon import run
from inspectd.settings import EngineSettings, load_settings


class StretchedEngine(OnnxEngine):
    """Takes from 1 to 3 times as long for a batch as the engine itself: 2 ± 50 %."""

    def _run(self, *arguments: Any) -> BatchResult:
        began = time.perf_counter()
        result = super()._run(*arguments)
        time.sleep((time.perf_counter() - began) * random.uniform(0.0, 2.0))  # noqa: S311 - no secret
        return result


def stretched(bundle: Bundle, settings: EngineSettings) -> Engine:
    return StretchedEngine(bundle, threads=1, max_batch=settings.max_batch)


if __name__ == "__main__":
    settings = load_settings(Path(sys.argv[1]))
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, engine=stretched))
