"""A line that judges with one bundle, and a shadow that is shown what it says."""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.errors import ModelRefusedError
from inspectd.frames import Frame, Loan
from inspectd.metrics.meters import Meters
from inspectd.model import camera_policies, load_model
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.onlookers import Onlooker, Seen
from inspectd.runtimes import make_engine
from inspectd.settings import Settings
from inspectd.settings.settings import make_settings
from inspectd.shadow.shadow import Shadow
from inspectd.wire.drafts import Draft, MapDraft, VerdictDraft
from inspectd.wire.models import Verdict
from tests import daemons

PATIENCE_S = 180.0
"""A candidate runs while nobody else wants a processor, and a busy machine's other tests do."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until something that hangs on a candidate comes about."""
    daemons.wait_until(condition, what, PATIENCE_S)


def settings_of(registry: Path, cameras: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Of a line with a registry; `cameras` have what is not usual of each."""
    usual = {"source": "images:/nowhere", "deadline_ms": 60_000}
    document = {
        "model": {"registry": str(registry)},
        "engine": {"threads": 1},
        "cameras": {name: {**usual, **camera} for name, camera in cameras.items()},
    }
    return make_settings(json.loads(json.dumps(document)), origin="test")


class ShadowedLine:
    """Takes pictures one at a time, and shows each verdict to an onlooker as the publisher does."""

    def __init__(self, bundle: Bundle, settings: Settings, onlooker: Onlooker) -> None:
        self.settings = settings
        self.onlooker = onlooker
        self.verdicts: list[Verdict] = []
        self.maps: list[MapDraft | None] = []
        self.fatal: list[Exception] = []
        self.ended: list[str] = []
        self.held = 0
        """Buffers that are lent out."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        policies = camera_policies(settings.cameras)
        self._inspector = Inspector(
            load_model(bundle, settings.engine, policies, make_engine),
            policies,
            report=self._report,
            on_fatal=self.fatal.append,
            on_ended=self.ended.append,
            engine_timeout_s=20,
            max_regions=64,
            max_open_parts=4,
            meters=Meters(settings.cameras),
            wants_pictures=lambda: onlooker.wants_pictures,
        )
        self._inspector.start()

    def take(self, pixels: NDArray[np.uint8], camera: str = "web", *, at_s: float | None = None) -> Verdict:
        """Take a picture and wait for its verdict."""
        number = next(self._numbers)
        with self._lock:
            self.held += 1
        self._inspector.frame(
            Frame(
                camera=camera,
                number=number,
                pixels=pixels,
                pixel_format=PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.RGB8,
                captured_monotonic_ns=time.monotonic_ns() if at_s is None else int(at_s * 1e9),
                captured_utc_ns=time.time_ns(),
                source=None,
                loan=Loan(self._given_back),
            )
        )
        end = time.monotonic() + 20
        while len(self.verdicts) < number:
            assert time.monotonic() < end, "no verdict came"
            time.sleep(0.002)
        return self.verdicts[number - 1]

    def close(self) -> None:
        """End, with its engine."""
        assert self._inspector.close(20)
        self._inspector.model.engine.close()

    def _report(self, draft: Draft, distance: MapDraft | None, frame: Frame | None) -> None:
        assert isinstance(draft, VerdictDraft)
        verdict = draft.numbered("test", "boot", "journal", len(self.verdicts) + 1)
        self.onlooker.saw(Seen(verdict, frame, distance))
        if frame is not None:
            frame.release()
        self.maps.append(distance)
        self.verdicts.append(verdict)

    def _given_back(self) -> None:
        with self._lock:
            self.held -= 1


def look_on(shadow: Shadow, bundle: Bundle, why: str = "a test") -> None:
    """Have a bundle look on, and wait until it does.

    Raises:
        ModelRefusedError: it does not.
    """
    told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    shadow.begin(bundle.path.name, who="ada", why=why, settled=told.put)
    refusal = told.get(timeout=PATIENCE_S)
    if refusal is not None:
        raise ModelRefusedError(refusal)
