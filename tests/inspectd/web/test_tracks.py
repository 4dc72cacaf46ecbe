from __future__ import annotations

from inspectd.web.tracks import Box, Named, Track, continued


def box(along: float, across: float, length: float = 10, width: float = 10) -> Box:
    return Box(along, across, length, width)


def test_what_touches_keeps_its_id_and_all_else_is_new() -> None:
    before = [Track(3, box(90, 0)), Track(4, box(90, 100))]
    named, next_id = continued(before, [box(100, 4), box(100, 40), box(101.5, 109)], reach=2, next_id=5)
    assert [name.id for name in named] == [3, 5, 4]
    assert next_id == 6


def test_a_region_that_joins_two_says_so() -> None:
    before = [Track(3, box(90, 0)), Track(4, box(90, 100))]
    named, _ = continued(before, [box(100, 0, width=120)], reach=2, next_id=5)
    assert named == [Named(3, (4,))]


def test_a_defect_that_forks_stays_one() -> None:
    named, next_id = continued([Track(3, box(90, 0, width=120))], [box(100, 0), box(100, 100)], reach=2, next_id=5)
    assert [name.id for name in named] == [3, 3]
    assert next_id == 5
