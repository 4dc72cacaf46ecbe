"""The way of the frames without the engine, against a plain copy of as many bytes in memory.

Cameras are real capture processes with pictures in memory; the inspector cuts nothing, for its engine takes frames as
they lie, but stitches, levels and judges their maps. Nothing is journaled.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from inspectd import log
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.metrics.meters import Meters
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.model import Model
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import QueuePolicy
from inspectd.settings import DropPolicy, ImagesCamera
from inspectd.wire.models import Reason
from tools.bench.line import Load
from tools.bench.null_engine import NullEngine
from tools.bench.rounds import Comparison, compare
from tools.errors import ToolsError

BUFFERS = 32
"""Copied in turn, as many as the rings of four cameras have: no cache holds them, there or here."""
WARM_UP_S = 1.0
START_LIMIT_S = 60.0


def compare_frames(load: Load, rounds: int) -> Comparison:
    """Bytes per second handed to the engine, and copied."""
    with tempfile.TemporaryDirectory(prefix="inspectd-bench-") as scratch:
        _write_frames(load, Path(scratch))
        return compare(
            ("frames", partial(_path_rate, load, Path(scratch))), ("memory copy", partial(_copy_rate, load)), rounds
        )


def _write_frames(load: Load, folder: Path) -> None:
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (load.height, load.width), np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), pixels)


def _path_rate(load: Load, folder: Path) -> float:
    log.configure("warning", "auto")
    engine = NullEngine(load.bundle.manifest.tile, max_batch=load.tiles_per_frame)
    with _line(load, folder, engine):
        time.sleep(WARM_UP_S)
        before, began = engine.bytes, time.perf_counter()
        time.sleep(load.seconds)
        return (engine.bytes - before) / (time.perf_counter() - began)


@contextmanager
def _line(load: Load, folder: Path, engine: NullEngine) -> Iterator[None]:
    """The cameras and the inspector, running."""
    cameras = {f"bench-{index}": _camera(folder) for index in range(load.cameras)}
    faults: list[Exception] = []
    seen = threading.Event()
    policy = CameraPolicy(60_000, QueuePolicy(4, DropPolicy.BLOCK), None)
    inspector = Inspector(
        Model.of(engine, load.bundle),
        dict.fromkeys(cameras, policy),
        report=lambda *_: seen.set(),
        on_fatal=faults.append,
        on_ended=lambda _: None,
        engine_timeout_s=60.0,
        max_regions=1,
        max_open_parts=1,
        meters=Meters(cameras),
    )
    capture = CaptureSupervisor(cameras, inspector)
    inspector.start()
    capture.start()
    try:
        if not seen.wait(START_LIMIT_S):
            raise ToolsError("no frame came")
        yield
    finally:
        capture.stop_capture()
        inspector.drain(5.0, Reason.SHUTDOWN, "the measurement is over")
        inspector.close(5.0)
        capture.close()
    if faults:
        raise ToolsError(f"inspection failed: {faults[0]!r}")


def _camera(folder: Path) -> ImagesCamera:
    return ImagesCamera(source=f"images:{folder}", loop=True, preload=True, deadline_ms=60_000)


def _copy_rate(load: Load) -> float:
    shape = load.height, load.width
    sources = [np.full(shape, index, np.uint8) for index in range(BUFFERS)]
    targets = [np.zeros(shape, np.uint8) for _ in range(BUFFERS)]
    copied, began = 0, time.perf_counter()
    while (now := time.perf_counter()) < began + load.seconds:
        np.copyto(targets[copied % BUFFERS], sources[copied % BUFFERS])
        copied += 1
    return copied * sources[0].nbytes / (now - began)
