from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2

from engines.bundle import Bundle
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon

RATE_HZ = 6.0
"""Of a camera within its share: frames of two tiles, three such cameras, and an engine that has 50 frames a second."""


def test_a_camera_that_floods_the_engine_costs_the_others_nothing(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "web").mkdir()
    for index in range(10):
        cv2.imwrite(str(tmp_path / "web" / f"{index}.png"), surface_picture(index))
    source = {"source": f"images:{tmp_path / 'web'}", "loop": True, "preload": True, "drop": "oldest"}
    cameras: dict[str, dict[str, Any]] = {
        name: {**source, "rate_hz": RATE_HZ, "deadline_ms": 2000} for name in ("first", "second", "third")
    }
    cameras["flood"] = {**source, "rate_hz": 10 * RATE_HZ, "deadline_ms": 2000}
    configuration = Configuration(tmp_path, bundle, cameras)
    with RunningDaemon(configuration, program=("-m", "tests.faults.faulty_daemon", "slow")) as daemon:
        daemon.wait_for_verdicts(100)
        time.sleep(6)
        assert daemon.terminate() == 0
    verdicts = configuration.verdicts_in_journal()
    said = {
        name: Counter(verdict["reason"] or verdict["outcome"] for verdict in verdicts if verdict["camera"] == name)
        for name in cameras
    }
    for name in ("first", "second", "third"):
        assert set(said[name]) == {"PASS"}
    assert said["flood"]["overrun"] > 20, "there was no overload"
    assert said["flood"]["PASS"] > 20, "the flood gets what the others leave"
    for name in cameras:
        numbers = [verdict["frame"] for verdict in verdicts if verdict["camera"] == name]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
