"""`inspectd run` on a GPU that is lost with its twentieth batch: python -m tests.faults.lost_gpu_daemon CONFIG."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engines.base import Engine, Ticket
from engines.builds import Precision
from engines.bundle import Bundle
from engines.cuts import Cut
from engines.tensorrt import TensorRTEngine
from inspectd import log
from inspectd.daemon import run
from inspectd.settings import EngineSettings, load_settings
from tests.engines.recording.driver import RecordingDriver
from tests.engines.recording.plan import RecordingLoader


class EngineOnALostGpu(TensorRTEngine):
    """Loses its GPU between the twentieth batch's submission and its collection."""

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
        if self._batches == 20:
            self._driver.lose()
        return ticket


def lost(bundle: Bundle, settings: EngineSettings) -> Engine:
    return EngineOnALostGpu(bundle, settings.max_batch)


if __name__ == "__main__":
    settings = load_settings(Path(sys.argv[1]))
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, engine=lost))
