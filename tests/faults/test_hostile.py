from __future__ import annotations

from pathlib import Path

from tests.faults.hostile import attack


def test_nothing_that_is_said_harms_the_daemon(tmp_path: Path) -> None:
    seen = attack(tmp_path, 2000, 60)
    assert seen.messages >= 2000
    assert set(seen.answers) >= {"control_error", "replay_error"}
