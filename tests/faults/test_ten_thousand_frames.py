"""Verdicts ÷ frames taken is exactly 1, and memory stays where it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import psutil
import pytest

from engines.bundle import Bundle
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon

FRAMES = 10_000


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(20):
        picture = surface_picture(index, 64, 96)
        cv2.imwrite(str(folder / f"{index:02d}.png"), spot(picture, 20, 30) if index == 7 else picture)
    return folder


def test_ten_thousand_frames_have_ten_thousand_verdicts(bundle: Bundle, tmp_path: Path, pictures: Path) -> None:
    camera = {"source": f"images:{pictures}", "loop": True, "preload": True}
    configuration = Configuration(tmp_path, bundle, {"left": camera, "right": {**camera, "drop": "oldest"}})
    program = ("-m", "tests.faults.faulty_daemon", "stretched")
    with RunningDaemon(configuration, program=program) as daemon:
        daemon.wait_for_verdicts(500)
        early = psutil.Process(daemon.process.pid).memory_info().rss
        daemon.wait_for_verdicts(FRAMES, timeout_s=240)
        late = psutil.Process(daemon.process.pid).memory_info().rss
        assert daemon.terminate() == 0
    verdicts = configuration.verdicts_in_journal()
    assert [verdict["sequence"] for verdict in verdicts] == list(range(1, len(verdicts) + 1))
    for camera_name in ("left", "right"):
        frames = [verdict["frame"] for verdict in verdicts if verdict["camera"] == camera_name]
        assert sorted(frames) == list(range(1, len(frames) + 1)), "a frame without a verdict, or with two"
    outcomes = Counter((verdict["outcome"], verdict["reason"]) for verdict in verdicts)
    assert set(outcomes) <= {("PASS", None), ("FAIL", None), ("ERROR", "overrun")}
    for verdict in verdicts:
        if verdict["outcome"] != "ERROR":
            assert (verdict["outcome"] == "FAIL") == verdict["source"].endswith("07.png")
    assert late <= early * 1.02, f"{early / 2**20:.1f} MiB after 500 verdicts, {late / 2**20:.1f} MiB at the end"
