from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.failpoints.catalogue import scenes
from tests.faults.failpoints.points import Call, How, Point, chosen
from tests.faults.failpoints.scene import Scene
from tests.faults.failpoints.sweep import sweep
from tests.faults.preload.library import no_compiler

KILLS = {"journal made": 4, "journal appended to": 3, "journal full": 3, "models add": 2}


@pytest.fixture(scope="module")
def all_scenes(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Scene]:
    if reason := no_compiler():
        pytest.skip(reason)
    return list(scenes(tmp_path_factory.mktemp("scenes")))


@pytest.mark.parametrize(("name", "kills"), KILLS.items())
def test_what_is_killed_while_it_writes_goes_on_where_it_was(
    all_scenes: Sequence[Scene], name: str, kills: int
) -> None:
    came = sweep(next(scene for scene in all_scenes if scene.name == name), kills)
    assert came.inconsistencies == []
    assert came.kills >= kills


def test_a_kill_comes_where_it_was_asked_for(all_scenes: Sequence[Scene], tmp_path: Path) -> None:
    made = next(scene for scene in all_scenes if scene.name == "models delete").play(tmp_path, Point(3, How.AFTER))
    assert len(made) == 3


def test_points_are_spread_over_kinds_of_calls() -> None:
    calls = [Call("write", "/journal"), *[Call("write", "/log")] * 50, Call("fsync", "/log")]
    points = chosen(calls, 8)
    assert {point.number for point in points} >= {1, 52}
    assert len(set(points)) == 8
    assert len(chosen(calls, 1000)) == 51 * 3 + 2
