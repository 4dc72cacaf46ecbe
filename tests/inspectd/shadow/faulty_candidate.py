"""A candidate's process with a fault: python -m tests.inspectd.shadow.faulty_candidate FAULT …"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from typing import Any

import numpy as np

from engines.base import BatchResult, Engine
from engines.bundle import Bundle
from engines.errors import EngineError
from engines.onnx import OnnxEngine
from inspectd.settings import EngineSettings
from inspectd.shadow.worker import main

SLOW_S = 0.5


class FaultyEngine(OnnxEngine):
    """Sound while it is activated; then it has its fault."""

    fault = ""
    active = False

    def activate(self) -> None:
        """Activate, and be faulty from now on."""
        super().activate()
        self.active = True

    def _run(self, session: Any, flight: Any) -> BatchResult:
        if self.active:
            flight = FAULTS[self.fault](flight)
        return super()._run(session, flight)


def _slow(flight: Any) -> Any:
    time.sleep(SLOW_S)
    return flight


def _hung(flight: Any) -> Any:
    time.sleep(600)
    return flight


def _numberless(flight: Any) -> Any:
    flight.centroids = np.full_like(flight.centroids, np.nan)
    return flight


def _raising(flight: Any) -> Any:
    raise EngineError("it fell over")


def _dying(flight: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)
    return flight


def _late_dying(flight: Any) -> Any:
    return _dying(flight) if next(_BATCHES) >= 2 else flight


_BATCHES = itertools.count()
FAULTS = {
    "slow": _slow,
    "hung": _hung,
    "nan": _numberless,
    "raising": _raising,
    "dying": _dying,
    "late-dying": _late_dying,
}


def _make(bundle: Bundle, settings: EngineSettings) -> Engine:
    return FaultyEngine(bundle, threads=1, max_batch=settings.max_batch, slots=1)


if __name__ == "__main__":
    FaultyEngine.fault = sys.argv[1]
    if FaultyEngine.fault == "stopped":  # and so it never has loaded
        os.kill(os.getpid(), signal.SIGSTOP)
    main(sys.argv[2:], _make)
