from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import Outcome, Reason, Region
from tests.inspectd.publishing import draft, local_settings, publishing
from tools.errors import RollError
from tools.roll.picture import Sheet
from tools.roll.reading import read_roll
from tools.roll.roll import Roll, Uninspected, make_roll

pytestmark = pytest.mark.train
HEIGHT, WIDTH, MM_PER_PX = 100, 200, 0.5
UNNUMBERED = 0
"""Frames that are told in the order in which they were taken."""
ROOT = Path(__file__).parents[3]


def frame(along: float | None, outcome: Outcome = Outcome.PASS, **changes: Any) -> VerdictDraft:
    """A frame of 50 mm × 100 mm."""
    judged = along if outcome is not Outcome.ERROR else None
    values = {
        "mm_per_px": MM_PER_PX,
        "height": HEIGHT,
        "width": WIDTH,
        "along_mm": along,
        "across_mm": 0.0,
        "judged_from_mm": judged,
        "reason": Reason.OVERRUN if outcome is Outcome.ERROR else None,
        "regions": (),
    }
    return draft(changes.pop("frame", UNNUMBERED), outcome=outcome, **{**values, **changes})


def region(number: int, along: float | None, across: float, length: float, width: float, **changes: Any) -> Region:
    """A region whose area fills half of its box."""
    values = {
        "x": across / MM_PER_PX,
        "y": 0,
        "width": width / MM_PER_PX,
        "height": length / MM_PER_PX,
        "area": 1,
        "centroid_x": 0,
        "centroid_y": 0,
        "peak": 2.0,
        "peak_x": 0,
        "peak_y": 0,
        "width_mm": width,
        "height_mm": length,
        "area_mm2": length * width / 2,
        "id": number,
        "along_mm": along,
        "across_mm": across,
    }
    return Region.model_validate({**values, **changes})


def failed(along: float | None, *regions: Region, **changes: Any) -> VerdictDraft:
    return frame(along, Outcome.FAIL, regions=regions, **changes)


def journal_of(folder: Path, *drafts: VerdictDraft) -> Path:
    path = folder / "journal.db"
    with publishing(path, local_settings()) as publisher:
        for number, one in enumerate(drafts, 1):
            publisher.submit(replace(one, frame=number) if one.frame == UNNUMBERED else one)
        assert publisher.flush(20)
    return path


def roll_of(folder: Path, *drafts: VerdictDraft) -> Roll:
    return make_roll(read_roll(journal_of(folder, *drafts), None, None, None))


def test_regions_of_one_id_are_one_defect(tmp_path: Path) -> None:
    roll = roll_of(
        tmp_path,
        failed(0, region(1, 40, 10, 10, 4), region(2, 45, 70, 5, 5)),
        failed(50, region(1, 50, 8, 50, 4, peak=3.5)),
        failed(100, region(1, 100, 10, 20, 6), region(3, 130, 60, 2, 2)),
    )
    scratch, mark, last = roll.defects
    assert (scratch.number, scratch.begin, scratch.end, scratch.left, scratch.right) == (1, 40, 120, 8, 16)
    assert (scratch.peak, scratch.severity, scratch.area_mm2) == (3.5, 3.5, 20 + 100 + 60)
    assert scratch.frames == [1, 2, 3]
    assert (mark.begin, mark.frames, last.begin) == (45, [1], 130)


def test_regions_that_turn_out_to_be_one_are_one(tmp_path: Path) -> None:
    roll = roll_of(
        tmp_path,
        failed(0, region(1, 40, 0, 10, 10), region(2, 40, 50, 10, 10)),
        failed(50, region(1, 50, 0, 10, 60, joins=(2,))),
    )
    (fork,) = roll.defects
    assert (fork.begin, fork.end, fork.left, fork.right) == (40, 60, 0, 60)
    assert fork.frames == [1, 1, 2]


def test_what_two_frames_show_counts_once_in_the_area(tmp_path: Path) -> None:
    roll = roll_of(tmp_path, failed(0, region(1, 40, 0, 10, 10)), failed(40, region(1, 40, 0, 20, 10)))
    assert roll.defects[0].area_mm2 == 50 + 50


def test_what_was_not_inspected_is_told_with_its_reasons(tmp_path: Path) -> None:
    roll = roll_of(
        tmp_path,
        frame(0),
        frame(50, Outcome.ERROR),
        frame(90, judged_from_mm=90),
        frame(160),
        frame(220, Outcome.ERROR, reason=Reason.BAD_FRAME, height=None, width=None),
        frame(250),
    )
    assert roll.uninspected == (
        Uninspected("web", 50, 90, ("overrun",)),
        Uninspected("web", 140, 160, ()),
        Uninspected("web", 210, 250, ("bad_frame",)),
    )
    assert roll.inspected_share == pytest.approx(1 - 100 / 300)


def test_the_newest_roll_begins_where_the_position_began_anew(tmp_path: Path) -> None:
    path = journal_of(tmp_path, frame(900), frame(950), frame(0), frame(50), frame(None), frame(20))
    assert [verdict.sequence for verdict in read_roll(path, None, None, None)] == [3, 4, 5, 6]
    assert [verdict.sequence for verdict in read_roll(path, 1, 2, None)] == [1, 2]
    with pytest.raises(RollError, match=r"began anew with verdict 3.*--last 2 for the one before, or --first 3"):
        read_roll(path, 1, None, None)


def test_an_error_that_is_told_before_its_turn_begins_no_roll(tmp_path: Path) -> None:
    early = frame(400, Outcome.ERROR, frame=9)
    path = journal_of(tmp_path, frame(0), early, frame(50), frame(100))
    assert len(read_roll(path, None, None, None)) == 4
    assert len(read_roll(path, 1, None, None)) == 4


def test_cameras_have_lanes_and_ids_of_their_own(tmp_path: Path) -> None:
    path = journal_of(
        tmp_path,
        failed(0, region(1, 10, 20, 5, 5), camera="left"),
        failed(0, region(1, 10, 120, 5, 5), camera="right", across_mm=100.0),
        frame(50, camera="right", across_mm=100.0),
        draft(1, camera="other"),
    )
    roll = make_roll(read_roll(path, None, None, None))
    assert [(lane.camera, lane.begin, lane.end, lane.left, lane.right) for lane in roll.lanes] == [
        ("left", 0, 50, 0, 100),
        ("right", 0, 100, 100, 200),
    ]
    assert [defect.camera for defect in roll.defects] == ["left", "right"]
    assert [defect.camera for defect in make_roll(read_roll(path, None, None, "right")).defects] == ["right"]


def test_a_long_roll_is_broken_into_rows_of_one_scale(tmp_path: Path) -> None:
    roll = roll_of(tmp_path, frame(0), frame(300_000))
    sheet = Sheet.of(roll)
    assert len(sheet.rows) > 10
    assert sheet.rows[0].begin == 0
    assert sheet.rows[-1].end == 300_050
    assert all(one.end == other.begin for one, other in zip(sheet.rows, sheet.rows[1:], strict=False))
    assert sheet.row_height / 100 == pytest.approx(sheet.inches_per_mm)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.cli", "roll", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=environment)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = journal_of(
        tmp_path,
        failed(0, region(1, 40, 10, 10, 4), region(2, 5, 70, 5, 5)),
        failed(50, region(1, 50, 8, 50, 4, peak=3.5)),
        frame(100, Outcome.ERROR),
        failed(None, region(3, None, 30, 5, 5)),
        frame(170),
    )
    done = run(path, "--out", tmp_path / "roll")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "roll")
    return tmp_path / "roll"


def test_the_command_writes_picture_list_and_document(written: Path) -> None:
    with (written / "roll.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["number"], row["along_mm"], row["length_mm"]) for row in rows] == [
        ("1", "5.0", "5.0"),
        ("2", "40.0", "60.0"),
        ("3", "", ""),
    ]
    assert (rows[1]["severity"], rows[1]["first_verdict"], rows[1]["last_verdict"]) == ("3.5", "1", "2")
    document = json.loads((written / "roll.json").read_text())
    assert [{key: str(value) for key, value in row.items()} for row in document["defects"][:2]] == rows[:2]
    assert document["uninspected"] == [{"camera": "web", "begin_mm": 100.0, "end_mm": 170.0, "reasons": ["overrun"]}]
    assert (document["begin_mm"], document["end_mm"], document["verdicts_without_place"]) == (0, 220, 1)
    assert document["inspected_share"] == pytest.approx(1 - 70 / 220, abs=1e-6)
    picture = cv2.imread(str(written / "roll.png"))
    assert picture is not None
    assert picture.shape[1] == 1650


def test_defects_and_errors_are_drawn_where_they_are(written: Path) -> None:
    picture = cv2.imread(str(written / "roll.png"))
    assert picture is not None
    lane = (picture == (0xF0, 0xEE, 0xE9)).all(axis=2)
    rows = np.flatnonzero(lane.sum(axis=1) > 200)
    top, bottom = rows[0], rows[-1]
    columns = np.flatnonzero(lane[top:bottom].any(axis=0))
    left, right = columns[0], columns[-1]
    middle = picture[round(bottom - (bottom - top) * 10 / 100)]

    def at(along_mm: float) -> list[int]:
        return [int(value) for value in middle[round(left + (right - left) * along_mm / 220)]]

    assert at(70)[2] - at(70)[0] > 80  # the scratch is red
    assert at(20) == [0xF0, 0xEE, 0xE9]
    stretch = middle[round(left + (right - left) * 105 / 220) : round(left + (right - left) * 165 / 220)]
    assert (stretch == 255).any()
    assert (stretch[:, 2].astype(int) - stretch[:, 0] > 60).any()  # crossed out in red


def test_where_nothing_is_known_of_a_web_that_is_said(tmp_path: Path) -> None:
    path = journal_of(tmp_path, draft(1), draft(2))
    done = run(path, "--out", tmp_path / "roll")
    assert done.returncode == 65
    assert "no verdict tells of a place on a web" in done.stderr
    assert "the journal holds verdicts 1 to 2" in done.stderr
    missing = run(tmp_path / "none.db", "--out", tmp_path / "roll")
    assert missing.returncode == 74
    assert "Traceback" not in missing.stderr
    (tmp_path / "file").write_text("")
    placed = tmp_path / "placed"
    placed.mkdir()
    refused = run(journal_of(placed, frame(0)), "--out", tmp_path / "file")
    assert refused.returncode == 73
    assert "cannot be written" in refused.stderr
