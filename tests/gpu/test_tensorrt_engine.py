"""The TensorRT engine on a real GPU: the contract of all engines, agreement with ONNX Runtime, and a soak."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import Engine, Ticket
from engines.builds import Precision
from engines.bundle import Bundle, open_bundle
from engines.cuts import Cut, TiledFrame
from engines.golden import FP16_TOLERANCE, FP32_TOLERANCE, check_golden
from engines.onnx import OnnxEngine
from engines.pixels import PixelFormat
from engines.tiling import tile_grid
from tests.engines.contract import EngineContract
from tests.engines.recording.ring import Ring
from tests.gpu.conftest import MakeEngine
from tools.demo.bundle import shipped_bundle

pytestmark = pytest.mark.gpu

SOAK_S = 30.0


class TestTensorRTEngine(EngineContract):
    @pytest.fixture(autouse=True)
    def _made_by(self, gpu_engine: MakeEngine, bundle: Bundle) -> None:
        self.gpu_engine = gpu_engine
        self.sound = bundle

    def make(self, bundle: Bundle, *, max_batch: int = 8, slots: int = 2) -> Engine:
        return self.gpu_engine(bundle, Precision.FP32, max_batch=max_batch, slots=slots, built_from=self.sound)


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(shipped_bundle())


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(Precision.FP32, FP32_TOLERANCE), (Precision.FP16, FP16_TOLERANCE)]
)
def test_it_says_what_onnx_runtime_says(
    gpu_engine: MakeEngine, shipped: Bundle, surfaces: Path, precision: Precision, tolerance: float
) -> None:
    with gpu_engine(shipped, precision) as gpu, OnnxEngine(shipped) as cpu:
        for pixels in pictures(surfaces):
            frame = TiledFrame(pixels, PixelFormat.MONO8, tile_grid(*pixels.shape, gpu.geometry))
            for first in range(0, len(frame.grid), gpu.max_batch):
                cuts = [Cut(frame, first, min(gpu.max_batch, len(frame.grid) - first))]
                found, expected = (engine.collect(engine.submit(cuts), 60) for engine in (gpu, cpu))
                floor = shipped.calibration.threshold if precision is Precision.FP16 else 1e-6
                difference = np.abs(found.score - expected.score) / np.maximum(expected.score, floor)
                assert difference.max() <= tolerance
                fails = expected.score >= shipped.calibration.threshold
                np.testing.assert_array_equal(found.score >= shipped.calibration.threshold, fails)


def pictures(surfaces: Path) -> list[NDArray[np.uint8]]:
    """Some real surfaces, grey."""
    files = sorted(surfaces.rglob("*.png"))[::50][:20] or sorted(surfaces.rglob("*.jpg"))[::50][:20]
    if not files:
        pytest.skip(f"no pictures below {surfaces}")
    return [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8) for file in files]


def test_hours_in_short(gpu_engine: MakeEngine, shipped: Bundle) -> None:
    """Frames of many sizes out of a ring, centroids swapped and swapped back: the golden tiles stay what they are."""
    rng, ring = np.random.default_rng(0), Ring(slots=6, slot_bytes=1 << 22)
    with gpu_engine(shipped, Precision.FP16) as engine:
        turn, end = 0, time.monotonic() + SOAK_S
        while time.monotonic() < end:
            height, width = (int(value) for value in rng.integers(200, 1000, 2))
            picture = ring.put(turn % 6, rng.integers(0, 256, (height, width), np.uint8))
            run_through(engine, TiledFrame(picture, PixelFormat.MONO8, tile_grid(height, width, engine.geometry)))
            turn += 1
            if turn % 50 == 0:
                engine.update_centroids(shipped.centroids + np.float32(1))
                engine.update_centroids(shipped.centroids)
                check_golden(engine, shipped, FP16_TOLERANCE, floor=shipped.calibration.threshold)
    assert turn > 50


def run_through(engine: Engine, frame: TiledFrame) -> None:
    """All tiles of a frame, with as many batches in flight as may be."""
    tickets: list[Ticket] = []
    for first in range(0, len(frame.grid), engine.max_batch):
        if len(tickets) == engine.slots:
            engine.collect(tickets.pop(0), 60)
        tickets.append(engine.submit([Cut(frame, first, min(engine.max_batch, len(frame.grid) - first))]))
    for ticket in tickets:
        engine.collect(ticket, 60)
