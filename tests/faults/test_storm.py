from __future__ import annotations

from pathlib import Path

from tests.faults.storm import BACK_S, storm


def test_cameras_that_hang_and_vanish_cost_no_verdict_and_no_other_camera(tmp_path: Path) -> None:
    seen = storm(tmp_path, 25.0)
    assert seen.hangs >= 2
    assert seen.pulls >= 1
    assert seen.slowest_return_s <= BACK_S
    for resource in ("descriptors", "threads"):
        first, last = seen.growth[resource]
        assert last <= first + 2, f"{resource}: {first} at first, {last} in the end"
