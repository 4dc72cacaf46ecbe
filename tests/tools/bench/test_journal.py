"""The journal's benchmark on a small scale: everything that was published is replayed, and costs something."""

from __future__ import annotations

from pathlib import Path

from tools.bench.journal import FRAMES_PER_S, measure_journal


def test_all_that_was_published_is_replayed(tmp_path: Path) -> None:
    figures = measure_journal(tmp_path, verdicts=1500, seconds=0.5)
    assert figures.replayed == figures.journaling.last == 1500 + FRAMES_PER_S // 2
    assert figures.journaling.burst_per_s > 0
    assert figures.journaling.burst_cpu_s > 0
    assert figures.frame_share > 0
    assert figures.journaling.paced_cpu_s > figures.journaling.commit_cpu_s > 0
    assert figures.journaling.bare_cpu_s > 0
    assert list(tmp_path.iterdir()) == []
