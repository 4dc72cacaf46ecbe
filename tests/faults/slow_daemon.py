"""`inspectd run` with an engine that takes 10 ms for a tile: python -m tests.faults.slow_daemon CONFIG."""

from __future__ import annotations

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

TILE_S = 0.01


class SlowEngine(OnnxEngine):
    """Takes its time."""

    def _run(self, *arguments: Any) -> BatchResult:
        result = super()._run(*arguments)
        time.sleep(TILE_S * len(result.score))
        return result


def slow(bundle: Bundle, settings: EngineSettings) -> Engine:
    return SlowEngine(bundle, threads=1, max_batch=settings.max_batch, slots=2)


if __name__ == "__main__":
    settings = load_settings(Path(sys.argv[1]))
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, engine=slow))
