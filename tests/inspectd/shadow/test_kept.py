"""What is kept of a candidate on disk, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.pixels import PixelFormat
from inspectd.errors import ModelRefusedError
from inspectd.shadow.disagreements import Disagreement, Disagreements, Views, read_disagreements, read_views
from inspectd.shadow.figures import Agreement, Pair, against, read_figures, write_figures
from inspectd.shadow.findings import Findings
from inspectd.shadow.record import ShadowRecord, read_record, write_record
from inspectd.shadow.report import report
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Outcome
from tests.bundles import spot, surface_picture
from tests.inspectd.publishing import REGION, draft

ALARM, MISS = Agreement.ONLY_CANDIDATE_FAILS, Agreement.ONLY_RUNNING_FAILS
PIXELS = spot(surface_picture(1), 16, 24)
VIEWS = Views(PIXELS, MapDraft(np.full((8, 12), 0.5, np.float32), 8), MapDraft(np.eye(16, 24, dtype=np.float32) * 3, 4))


def disagreement(sequence: int, kind: Agreement, score: float, camera: str = "web") -> Disagreement:
    outcome = Outcome.PASS if kind is ALARM else Outcome.FAIL
    verdict = draft(sequence, camera=camera, outcome=outcome).numbered("line", "boot", "journal", sequence)
    regions = (REGION,) if kind is ALARM else ()
    return Disagreement(kind=kind, verdict=verdict, bundle="b", score=score, threshold=1.0, regions=regions)


def kept(directory: Path) -> dict[Agreement, list[int]]:
    found = [entry for _, entry in read_disagreements(directory)]
    return {kind: sorted(entry.verdict.sequence for entry in found if entry.kind is kind) for kind in (ALARM, MISS)}


def test_the_worst_of_each_kind_are_kept_and_many_alarms_push_out_no_miss(tmp_path: Path) -> None:
    store = Disagreements(tmp_path, most=3)
    assert store.keep(disagreement(1, MISS, 0.9), VIEWS, PixelFormat.RGB8)
    scores = [1.5, 1.1, 3.0, 1.2, 2.0, 1.05]
    told = [
        store.keep(disagreement(sequence, ALARM, score), VIEWS, PixelFormat.RGB8)
        for sequence, score in enumerate(scores, 2)
    ]
    assert told == [True, True, True, True, True, False]
    assert kept(tmp_path) == {ALARM: [2, 4, 6], MISS: [1]}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{number:09d}-web" for number in (1, 2, 4, 6)]


def test_they_keep_within_their_room(tmp_path: Path) -> None:
    store = Disagreements(tmp_path, most_bytes=1)
    for sequence, score in ((1, 2.0), (2, 3.0), (3, 1.5)):
        store.keep(disagreement(sequence, ALARM, score), VIEWS, PixelFormat.RGB8)
    assert kept(tmp_path)[ALARM] == [2]


def test_a_restart_finds_them_and_clears_what_was_begun(tmp_path: Path) -> None:
    Disagreements(tmp_path).keep(disagreement(1, ALARM, 2.0), VIEWS, PixelFormat.RGB8)
    (tmp_path / ".writing-x" / "000000009-web").mkdir(parents=True)
    (tmp_path / ".old-x").mkdir()
    again = Disagreements(tmp_path, most=1)
    assert len(again) == 1
    assert len(list(tmp_path.iterdir())) == 1
    assert not again.keep(disagreement(2, ALARM, 1.5), VIEWS, PixelFormat.RGB8)
    assert again.keep(disagreement(1, ALARM, 2.5), VIEWS, PixelFormat.RGB8)  # the same number, of another journal
    ((entry, found),) = read_disagreements(tmp_path)
    assert found.score == 2.5
    views = read_views(entry)
    assert (views.pixels == PIXELS).all()
    assert (views.candidate.distance == VIEWS.candidate.distance).all()
    again.clear()
    assert list(tmp_path.iterdir()) == []


def test_figures_survive_and_damage_is_a_new_beginning(tmp_path: Path) -> None:
    figures = against("running", 2.0).with_skipped(3).with_frame(ALARM, Pair(0.9, 1.1, 12.0))
    write_figures(tmp_path, figures)
    assert read_figures(tmp_path) == figures
    assert read_figures(tmp_path).is_against("running", 2.0)
    assert not figures.is_against("running", 2.1)
    (tmp_path / "figures.json").write_text("{")
    assert read_figures(tmp_path).told().compared == 0


def test_the_page_shows_both_kinds_and_escapes_what_people_wrote(tmp_path: Path) -> None:
    results = tmp_path / "shadow" / "brick-1"
    store = Disagreements(results)
    store.keep(disagreement(1, ALARM, 1.5), VIEWS, PixelFormat.RGB8)
    store.keep(disagreement(2, MISS, 0.7, camera="edge"), VIEWS, PixelFormat.RGB8)
    figures = against("brick-0", 1.0).with_frame(ALARM, Pair(0.5, 1.5, 9.0)).with_frame(MISS, Pair(2.5, 0.7, 11.0))
    write_figures(results, figures)
    findings = Findings.read(tmp_path)
    page = report(findings, {"brick-1": "<winter>"})
    assert "&lt;winter&gt;" in page
    assert "<winter>" not in page
    assert page.count("data:image/jpeg;base64,") == 6
    assert page.count("<circle") == 2
    assert "$" not in page
    assert "10 ms" in page


def test_a_record_that_the_disk_does_not_confirm_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(directory: Path) -> None:
        raise OSError(5, "Input/output error", str(directory))

    record = ShadowRecord(bundle="brick-1", who="ada", why="a test", since_utc="2026-03-01T06:30:18.000000Z")
    monkeypatch.setattr("engines.durable.sync_directory", fail)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    write_record(tmp_path, None)
    assert read_record(tmp_path) is None


def test_where_no_candidate_was_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match="inspectd models shadow"):
        Findings.read(tmp_path)


def test_the_last_thousand_scores_are_kept_and_all_are_counted() -> None:
    figures = against("running", 2.0)
    for _ in range(1200):
        figures = figures.with_frame(Agreement.BOTH_PASS, Pair(0.5, 0.5, 1.0))
    assert len(figures.recent) == 1000
    assert figures.told().both_pass == 1200
