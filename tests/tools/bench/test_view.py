"""The live view's benchmark on a small scale: who looks is served, and paid for."""

from __future__ import annotations

from pathlib import Path

from tests.bundles import tiny_bundle
from tools.bench.line import Load
from tools.bench.view import measure_view


def test_the_viewer_s_processor_time_counts_where_there_is_one(tmp_path: Path) -> None:
    load = Load(tiny_bundle(tmp_path), threads=1, width=128, height=96, cameras=1, seconds=1.0)
    cost = measure_view(load, rounds=1)
    assert cost.page.pictures > 0
    assert len(cost.comparisons) == 3
    (_, (daemon_watched, daemon_alone), (both_watched, both_alone)) = (each.rates[0] for each in cost.comparisons)
    assert both_alone == daemon_alone
    assert both_watched < daemon_watched
