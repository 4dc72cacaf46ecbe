"""Phases and share of the peak. What a GPU really does is measured by `bench engine` on a PC that has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.base import BatchResult
from engines.builds import Precision
from engines.bundle import Bundle
from engines.errors import DeviceError
from inspectd.settings import EngineSettings
from tests.engines.recording.driver import RecordingDriver
from tools.bench.engine import compare_engines
from tools.bench.peak import Card
from tools.bench.phases import copy_ms, gpu_phases, phases
from tools.bench.profiling import Profile, profile


@pytest.mark.parametrize(
    ("card", "precision", "tera"),
    [
        (Card("8.6", 68, 1.71e9), Precision.FP16, 119),
        (Card("8.9", 128, 2.52e9), Precision.FP16, 330),
        (Card("9.0", 132, 1.83e9), Precision.FP16, 989),
        (Card("8.9", 128, 2.52e9), Precision.FP32, 82.6),
    ],
    ids=["RTX 3080", "RTX 4090", "H100 SXM", "RTX 4090 in float32"],
)
def test_peaks_are_those_that_the_maker_tells(card: Card, precision: Precision, tera: float) -> None:
    assert card.peak(precision) == pytest.approx(tera * 1e12, rel=0.01)


def test_of_a_card_that_is_not_known_no_peak_is_told() -> None:
    assert Card("99.0", 1, 1e9).peak(Precision.FP16) is None


def test_a_cpu_cuts_and_computes(bundle: Bundle) -> None:
    found = phases(bundle.path, EngineSettings(threads=1, max_batch=4), 0.05)
    assert set(found) == {"cut", "compute"}
    assert all(value > 0 for value in found.values())


def test_a_gpus_copies_are_measured_by_themselves(bundle: Bundle) -> None:
    driver = RecordingDriver()
    result = BatchResult(np.zeros((4, 8, 8), np.float32), np.zeros(4, np.float32))
    found = gpu_phases(driver, bundle, result, whole=1e3)
    assert list(found) == ["upload", "compute", "download"]
    assert sum(found.values()) == pytest.approx(1e3)
    driver.close()
    assert not driver.live


def test_what_a_measurement_took_is_given_back_when_it_fails() -> None:
    driver = RecordingDriver()
    driver.faults["upload"] = DeviceError("no")
    with pytest.raises(DeviceError):
        copy_ms(driver, 4096, upwards=True)
    assert not driver.live


def test_a_profile_tells_operations_and_their_share() -> None:
    told = list(Profile({"upload": 1.0, "compute": 2.0, "download": 0.5}, 2_000_000_000, 1000.0, 100e12).lines())
    assert told == [
        "ms a batch: upload 1.00, compute 2.00, download 0.50",
        "2.000 GFLOP a tile, 2.000 TFLOPS, 2.0% of the card's 100.0 TFLOPS",
    ]


def test_two_engines_are_measured_in_processes_of_their_own(bundle: Bundle, tmp_path: Path) -> None:
    full = EngineSettings(threads=1, cache=tmp_path)
    comparison = compare_engines(bundle, full, full, seconds=0.1, rounds=1)
    assert comparison.first == "onnx auto"
    assert 0.05 < comparison.ratio < 20
    assert profile(bundle, full, 100.0, 0.05).peak is None
