"""What is held out shows nothing of what is learned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tools.fit.apart import Apart, set_apart  # noqa: E402 - after the check for scipy


def overlapping(pairs: Sequence[tuple[int, int]], count: int) -> list[set[int]]:
    shown_by: list[set[int]] = [set() for _ in range(count)]
    for one, other in pairs:
        shown_by[one].add(other)
        shown_by[other].add(one)
    return shown_by


def exposures(parts: int, each: int) -> list[set[int]]:
    """Pictures of parts, shuffled; those of one part show the same."""
    order = np.random.default_rng(100).permutation(parts * each).reshape(parts, each)
    return overlapping([pair for part in order for pair in combinations(part, 2)], parts * each)


def web(frames: int, reach: int) -> list[set[int]]:
    """Frames of a moving web, in a shuffled order, of which each shows some of the next `reach`."""
    order = np.random.default_rng(101).permutation(frames)
    pairs = [(order[i], order[i + d]) for i in range(frames) for d in range(1, reach + 1) if i + d < frames]
    return overlapping(pairs, frames)


def held_out(shown_by: list[set[int]], wanted: int, seed: int = 0, groups: Sequence[str] | None = None) -> Apart:
    found = set_apart(groups or range(len(shown_by)), shown_by, wanted, np.random.default_rng(seed))
    everything = sorted([*found.learned, *found.held_out, *found.aside])
    assert everything == list(range(len(shown_by)))
    return found


def show_in_common(found: Apart, shown_by: list[set[int]]) -> bool:
    return any(shown_by[one] & set(found.learned) for one in found.held_out)


@pytest.mark.parametrize("seed", range(5))
def test_exposures_of_a_part_stay_together(seed: int) -> None:
    shown_by = exposures(parts=20, each=5)
    found = held_out(shown_by, 25, seed)
    assert len(found.held_out) == 25
    assert (found.units, found.counts) == ("pieces", (15, 5))
    assert sum(found.weights) == pytest.approx(5)
    assert not found.aside
    assert not found.seen
    assert not show_in_common(found, shown_by)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("frames", "reach"), [(100, 1), (100, 2), (400, 5)])
def test_a_web_is_cut_into_stretches_and_little_of_it_is_lost(frames: int, reach: int, seed: int) -> None:
    shown_by = web(frames, reach)
    found = held_out(shown_by, frames // 4, seed)
    assert abs(len(found.held_out) - frames // 4) <= frames / 16
    assert 0 < len(found.aside) <= frames / 8
    assert not found.seen
    assert not show_in_common(found, shown_by)


def test_what_is_held_out_of_a_web_comes_from_several_places() -> None:
    found = held_out(web(400, 1), 100)
    assert found.counts[1] >= 3


@pytest.mark.parametrize("seed", range(5))
def test_pictures_of_one_spot_are_drawn_one_by_one_and_it_is_told(seed: int) -> None:
    everyone = [set(range(40)) - {one} for one in range(40)]
    found = held_out(everyone, 10, seed)
    assert (len(found.learned), len(found.held_out), len(found.aside)) == (30, 10, 0)
    assert found.seen == 10
    assert found.weights == [1.0] * 10


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("prints", range(2, 8))
def test_of_a_handful_of_prints_each_is_learned(prints: int, seed: int) -> None:
    shown_by = exposures(parts=prints, each=10)
    found = held_out(shown_by, 10 * prints // 4, seed)
    assert len(found.held_out) == 10 * prints // 4
    assert found.seen == len(found.held_out)
    assert all({other, *shown_by[other]} & set(found.learned) for other in range(10 * prints))


def test_a_print_beside_others_is_no_web_to_be_cut() -> None:
    shown_by = [*exposures(parts=1, each=30), *([set()] * 5)]
    assert held_out(shown_by, 8).seen


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("frames", "reach"), [(12, 1), (30, 1), (60, 2), (100, 3), (150, 5)])
def test_which_seed_it_is_does_not_decide_whether_a_web_can_be_cut(frames: int, reach: int, seed: int) -> None:
    shown_by = web(frames, reach)
    found = held_out(shown_by, frames // 4, seed)
    assert not found.seen
    assert not show_in_common(found, shown_by)


def test_frames_that_overlap_their_neighbours_count_for_less() -> None:
    found = held_out(web(400, 1), 100)
    assert found.units == "stretches"
    # A frame and its two neighbours show what two frames side by side do.
    assert 33 <= sum(found.weights) <= 40


def test_what_is_small_stays_whole_beside_a_web() -> None:
    shown_by = [*web(100, 1), *({other + 100 for other in others} for others in exposures(parts=10, each=2))]
    found = held_out(shown_by, 30)
    assert not show_in_common(found, shown_by)
    aside = set(found.aside)
    assert not aside & set(range(100, 120))


def test_without_overlaps_pictures_are_drawn_one_by_one() -> None:
    found = held_out([set()] * 12, 3)
    assert (len(found.held_out), found.counts, found.seen) == (3, (9, 3), 0)


def test_groups_that_overlap_at_their_ends_are_not_joined_but_lose_what_overlaps() -> None:
    # Ten minutes of a web: the last frame of each shows some of the first of the next.
    groups = [f"minute{index // 20}" for index in range(200)]
    shown_by = overlapping([(20 * minute - 1, 20 * minute) for minute in range(1, 10)], 200)
    found = held_out(shown_by, 40, groups=groups)
    assert len(found.held_out) == 40
    assert sum(found.weights) == pytest.approx(2)  # a minute counts once
    assert 0 < len(found.aside) <= 8
    assert not found.seen
    assert not show_in_common(found, shown_by)
    assert not {groups[index] for index in found.held_out} & {groups[index] for index in found.learned}


def test_groups_of_which_many_overlap_stay_together() -> None:
    groups = [f"part{index // 2}" for index in range(80)]
    shown_by = overlapping([(index, index + 2) for index in range(0, 80, 4)], 80)
    found = held_out(shown_by, 20, groups=groups)
    assert len(found.held_out) == 20
    assert found.counts == (15, 5)
    assert not show_in_common(found, shown_by)


def test_a_seed_decides() -> None:
    shown_by = exposures(parts=20, each=2)
    drawn = {tuple(held_out(shown_by, 10, seed).held_out) for seed in (0, 0, 1, 2)}
    assert len(drawn) == 3
