"""`inspectd run` with one stage that gets stuck for good: python -m tests.faults.stuck_daemon STAGE CONFIG.

A step may take half a second rather than ten, so that a test needs not wait for long. STAGE `none` lets all go on;
`golden` has the engine say something else than it said in training.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from engines.base import BatchResult
from engines.onnx import OnnxEngine
from inspectd import log, vitals
from inspectd.daemon import run
from inspectd.journal import Journal
from inspectd.pipeline.inspector import Inspector
from inspectd.requests import Requests
from inspectd.settings import load_settings

STEP_S = 0.5
STUCK_FROM = 20
"""Times that the stage still does its work."""
STAGES = {
    "intake": (Inspector, "frame"),
    "feeder": (OnnxEngine, "submit"),
    "collector": (OnnxEngine, "collect"),
    "deadlines": (Inspector, "_deadline_passed"),
    "publisher": (Journal, "append"),
    "control.address": (Requests, "answer"),
}
"""By the name that the daemon gives it: what hangs, on that stage's own thread."""


def hangs(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method` as it is at first, then without end."""
    calls = itertools.count()

    def stuck(*arguments: Any, **named: Any) -> Any:
        if next(calls) >= STUCK_FROM:
            threading.Event().wait()
        return method(*arguments, **named)

    return stuck


def slow(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, later than the frames' deadline."""

    def slowed(*arguments: Any, **named: Any) -> Any:
        time.sleep(0.3)
        return method(*arguments, **named)

    return slowed


def wrong(method: Callable[..., BatchResult]) -> Callable[..., BatchResult]:
    """`method`, whose result is another."""

    def wronged(*arguments: Any) -> BatchResult:
        result = method(*arguments)
        return BatchResult(result.distance * 2, result.score * 2)

    return wronged


if __name__ == "__main__":
    stage, config = sys.argv[1], Path(sys.argv[2])
    vitals.STEP_S = STEP_S
    if stage in STAGES:
        owner, name = STAGES[stage]
        setattr(owner, name, hangs(getattr(owner, name)))
    if stage == "deadlines":  # which none would miss otherwise
        setattr(OnnxEngine, "collect", slow(OnnxEngine.collect))  # noqa: B010 - mypy forbids it written plainly
    if stage == "golden":
        setattr(OnnxEngine, "_run", wrong(OnnxEngine._run))  # noqa: B010 - as above
    settings = load_settings(config)
    log.configure(settings.log.level, settings.log.format)
    sys.exit(run(settings, load=partial(load_settings, config)))
