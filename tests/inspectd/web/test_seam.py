from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspectd.settings import Direction
from inspectd.web.seam import Placement, Stretch, judged, new_part, place, seen_rows

TOLERANCE = 0.05


@given(
    heights=st.lists(st.floats(5, 500), min_size=1, max_size=30),
    advances=st.lists(st.floats(0.2, 1500), min_size=30, max_size=30),
    lost=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_every_mm_is_judged_once_or_told_as_uninspected(
    heights: list[float], advances: list[float], lost: list[bool]
) -> None:
    begin, before = 0.0, None
    told: list[tuple[float, float]] = []
    for height, advance, gone in zip(heights, advances, lost, strict=False):
        begin += advance
        shown = Stretch(begin, begin + height)
        if gone or (before is not None and shown.end <= before.end + TOLERANCE):  # a short frame in one long one
            continue
        placement = place(shown, before, TOLERANCE)
        if placement.uninspected:
            told.append((placement.judged_from - placement.uninspected, placement.judged_from))
        told.append((placement.judged_from, shown.end))
        before = judged(placement, before)
    for one, other in pairwise(told):
        assert other[0] == pytest.approx(one[1], abs=TOLERANCE)


def test_what_is_uninspected_before_a_frame_is_told() -> None:
    assert place(Stretch(130, 230), Stretch(0, 100), TOLERANCE) == Placement(Stretch(130, 230), 130, 30)
    assert place(Stretch(100.04, 200), Stretch(0, 100), TOLERANCE) == Placement(Stretch(100.04, 200), 100.04, 0)


@pytest.mark.parametrize("begin", [100, 99.97, 100.02, 40, 0], ids=["still", "", "", "backwards", "far back"])
def test_a_frame_that_shows_nothing_new_is_judged_whole(begin: float) -> None:
    shown = Stretch(begin, begin + 100)
    placement = place(shown, Stretch(100, 200), TOLERANCE)
    assert placement == Placement(shown, begin, 0)


def test_after_it_ran_backwards_the_web_is_judged_from_where_it_was_left() -> None:
    before = judged(place(Stretch(40, 140), Stretch(100, 200), TOLERANCE), Stretch(100, 200))
    assert place(Stretch(120, 220), before, TOLERANCE).judged_from == 200


def test_where_the_count_began_anew_so_does_the_web() -> None:
    before = judged(place(Stretch(0, 100), Stretch(900, 1000), TOLERANCE), Stretch(900, 1000))
    assert place(Stretch(60, 160), before, TOLERANCE).judged_from == 100


@given(
    height=st.integers(1, 200),
    cell=st.sampled_from([1, 4, 8]),
    scale=st.floats(0.01, 2),
    share=st.floats(0, 1),
    direction=st.sampled_from(Direction),
)
def test_rows_are_left_out_only_where_all_of_them_was_judged(
    height: int, cell: int, scale: float, share: float, direction: Direction
) -> None:
    begin = 1000.0
    placement = Placement(Stretch(begin, begin + height * scale), begin + share * height * scale, 0)
    rows = -(-height // cell)
    seen = seen_rows(placement, rows, cell=cell, height=height, mm_per_px=scale, direction=direction)
    for row in range(rows):
        top, bottom = row * cell, min((row + 1) * cell, height)
        ends = bottom if direction is Direction.UP else height - top
        starts = ends - (bottom - top)
        new = begin + ends * scale - placement.judged_from
        if seen[row]:
            assert new <= 1e-6
        else:
            assert new > -1e-6
            assert new <= (ends - starts) * scale + max(0.0, begin + starts * scale - placement.judged_from) + 1e-6


def test_what_was_judged_is_left_out_but_for_a_defect_that_goes_on() -> None:
    distance = np.ones((8, 9), np.float32)
    distance[0:2, 1] = 5  # wholly in what was judged
    distance[1:6, 4] = 5  # reaches out of it
    distance[3, 7] = distance[4, 8] = 5  # likewise, over a corner
    seen = np.arange(8) < 4
    left = new_part(distance, seen, 3.0)
    assert (left[4:] == distance[4:]).all()
    assert (left[:4] > 0).sum() == 3 + 1
    assert (left[1:4, 4] == 5).all()
    assert left[3, 7] == 5


def test_a_frame_without_an_overlap_stays_as_it_is() -> None:
    distance = np.ones((4, 4), np.float32)
    assert new_part(distance, np.zeros(4, bool), 3.0) is distance
