from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspectd.frames import LostFrame, Rows
from inspectd.settings import Direction
from inspectd.wire.models import Outcome, Reason
from tests.inspectd.web.scene import CELL, MM_PER_PX, Defect, Line, S, counted, painted, passes

WIDTH = 64
CELL_MM = CELL * MM_PER_PX


@st.composite
def defects(draw: st.DrawFn) -> list[Defect]:
    """One after the other along the web, far enough apart to be told apart."""
    found, at = [], 20
    for _ in range(draw(st.integers(1, 6))):
        at += draw(st.integers(4 * CELL, 60))
        length, width = draw(st.integers(1, 150)), draw(st.integers(1, 30))
        found.append(Defect(at, draw(st.integers(0, WIDTH - width)), length, width))
        at += length
    return found


@settings(max_examples=150)
@given(
    defects=defects(),
    height=st.integers(24, 100),
    overlaps=st.lists(st.integers(0, 20), min_size=1, max_size=5),
    direction=st.sampled_from(Direction),
)
def test_each_defect_is_counted_once_where_it_is(
    defects: list[Defect], height: int, overlaps: list[int], direction: Direction
) -> None:
    length = defects[-1].along + defects[-1].length + 2 * height
    line = Line(painted(length, WIDTH, defects), direction=direction, across_mm=300)
    advances = cycle([height - overlap for overlap in overlaps])
    verdicts = [line.judge(begin, height) for begin in passes(length, height, advances)]
    found = counted(verdicts)
    assert len(found) == len(defects)
    for seen, true in zip(found, defects, strict=True):
        told = np.array([seen.begin, seen.end, seen.left - 300, seen.right - 300])
        drawn = np.array([true.along, true.along + true.length, true.across, true.across + true.width]) * MM_PER_PX
        assert np.abs(told - drawn).max() <= CELL_MM + 0.001
    assert line.web.uninspected_mm == 0


def test_a_defect_in_the_overlap_is_told_by_the_first_frame_alone() -> None:
    line = Line(painted(200, WIDTH, [Defect(80, 8, 8, 8)]))
    first, second = line.judge(0, 100), line.judge(60, 100)
    assert (first.outcome, second.outcome) == (Outcome.FAIL, Outcome.PASS)
    assert (second.along_mm, second.judged_from_mm) == (30, 50)
    assert second.score == 1


def test_a_defect_that_the_first_frame_shows_half_is_whole_in_the_second() -> None:
    line = Line(painted(200, WIDTH, [Defect(92, 8, 20, 8)]))
    first, second = line.judge(0, 100), line.judge(60, 100)
    assert [first.regions[0].height, second.regions[0].height] == pytest.approx([8, 20], abs=CELL)
    assert first.regions[0].id == second.regions[0].id


def test_what_goes_past_between_two_frames_is_told_and_counted() -> None:
    line = Line(painted(400, WIDTH, []))
    line.judge(0, 100)
    late = line.judge(140, 100)
    assert (late.uninspected_mm, late.judged_from_mm) == (20, 70)
    assert late.detail == "20.0 mm of web went past uninspected before this frame"
    assert line.judge(240, 100).uninspected_mm == 0
    assert line.web.uninspected_mm == 20


def test_a_web_that_stands_still_is_judged_again_and_its_defect_counted_once() -> None:
    line = Line(painted(200, WIDTH, [Defect(40, 8, 8, 8)]))
    verdicts = [line.judge(0, 100) for _ in range(3)]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.FAIL}
    assert len(counted(verdicts)) == 1


def test_a_frame_whose_place_is_not_known_is_judged_whole_and_says_so() -> None:
    line = Line(painted(200, WIDTH, [Defect(40, 8, 8, 8)]), clocked=False)
    verdict = line.judge(0, 100)
    assert verdict.outcome is Outcome.FAIL
    assert (verdict.along_mm, verdict.judged_from_mm, verdict.uninspected_mm) == (None, None, 0)
    assert verdict.detail == "where it lies on the web is not known: no encoder count had come by then"
    (region,) = verdict.regions
    assert region.along_mm is None
    assert region.across_mm == pytest.approx(4, abs=CELL_MM)


def rows(first: int, repeated: int, run_mm: float = 0) -> Rows:
    """Of a run that began where the web stood at `run_mm`."""
    return Rows(round(run_mm * S), first, repeated)


class TestRows:
    """A line-scan camera's frames lie side by side to the row, whatever the clock says."""

    def test_frames_of_a_run_follow_each_other_by_their_rows(self) -> None:
        line = Line(painted(400, WIDTH, [Defect(90, 8, 20, 8)]))
        first = line.judge(0, 100, rows=rows(0, 0, 10), captured_mm=10)
        second = line.judge(80, 100, rows=rows(80, 20, 10), captured_mm=63.7)  # its 21st row is new: 60 mm, in truth
        assert (first.along_mm, second.along_mm, second.judged_from_mm) == (10, 50, 60)
        assert len(counted([first, second])) == 1

    def test_a_run_whose_beginning_is_not_known_is_placed_by_its_first_frame_that_is(self) -> None:
        line = Line(painted(400, WIDTH, []), clocked=False)
        assert line.judge(0, 100, rows=rows(0, 0, 1), captured_mm=1).along_mm is None
        assert line.web.encoder is not None
        line.web.encoder.add(40, 40 * S)
        assert line.judge(80, 100, rows=rows(80, 20, 1), captured_mm=40).along_mm == 30
        assert line.judge(160, 100, rows=rows(160, 20, 1), captured_mm=90).along_mm == 70

    def test_a_new_run_shows_new_web_even_where_the_clock_says_otherwise(self) -> None:
        line = Line(painted(400, WIDTH, []))
        line.judge(0, 100, rows=rows(0, 0), captured_mm=0)
        given_up = LostFrame("web", 2, Reason.OVERRUN, "", 43 * S, 0, None, rows=rows(0, 0, 43))
        assert line.web.where(given_up).mm == 43
        again = line.judge(100, 100, rows=rows(90, 10, 43), captured_mm=88)
        assert (again.along_mm, again.judged_from_mm, again.uninspected_mm) == (88, 88, 38)
        again = line.judge(190, 100, rows=rows(0, 0, 120), captured_mm=120)
        assert (again.along_mm, again.judged_from_mm, again.uninspected_mm) == (138, 138, 0)

    def test_a_new_run_tells_what_was_missed(self) -> None:
        line = Line(painted(400, WIDTH, []))
        line.judge(0, 100, rows=rows(0, 0), captured_mm=0)
        assert line.judge(100, 100, rows=rows(0, 0, 61), captured_mm=61).uninspected_mm == 11

    def test_a_frame_that_was_lost_has_its_place(self) -> None:
        line = Line(painted(400, WIDTH, []))
        line.judge(0, 100, rows=rows(0, 0), captured_mm=0)
        lost = LostFrame("web", 2, Reason.OVERRUN, "", 99 * S, 0, None, rows=rows(80, 20))
        assert line.web.where(lost).mm == 40
