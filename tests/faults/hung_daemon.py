"""`inspectd run` with an engine that hangs on its twentieth batch: python -m tests.faults.hung_daemon CONFIG."""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path
from typing import Any

from engines.base import BatchResult, Engine
from engines.bundle import Bundle
from engines.onnx import OnnxEngine
from inspectd import log
from inspectd.daemon import run
from inspectd.settings import EngineSettings, load_settings


class HungEngine(OnnxEngine):
    """Never answers again from its twentieth batch on."""

    _batches = itertools.count(1)

    def _run(self, *arguments: Any) -> BatchResult:
        if next(self._batches) >= 20:
            threading.Event().wait()
        return super()._run(*arguments)


def hung(bundle: Bundle, settings: EngineSettings) -> Engine:
    return HungEngine(bundle, threads=1, max_batch=settings.max_batch)


if __name__ == "__main__":
    settings = load_settings(Path(sys.argv[1]))
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, engine=hung))
