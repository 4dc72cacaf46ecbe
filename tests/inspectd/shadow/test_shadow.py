"""A shadow with real candidates, each in its process, beside a real line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.bundle import Bundle
from inspectd.errors import ModelRefusedError
from inspectd.models.registry import Registry
from inspectd.shadow.disagreements import read_disagreements, read_views
from inspectd.shadow.figures import read_figures
from inspectd.shadow.shadow import Shadow, results_in
from inspectd.wire.models import Outcome, ShadowFigures, ShadowState
from tests.bundles import spot, surface_picture, tiny_bundle
from tests.inspectd.shadow.scene import ShadowedLine, look_on, wait_until

GOOD = surface_picture(1)
BAD = spot(surface_picture(2), 20, 30)
FAINT = surface_picture(3)
FAINT[8:12, 40:44] += 40
"""Too faint for the coarse model."""
MakeLine = Callable[..., tuple[Shadow, ShadowedLine]]


def faulty(fault: str) -> tuple[str, ...]:
    return "-m", "tests.inspectd.shadow.faulty_candidate", fault


def figures(shadow: Shadow) -> ShadowFigures:
    assert shadow.standing is not None
    return shadow.standing.figures


def look(shadow: Shadow, line: ShadowedLine, pixels: Any, camera: str = "web", **told: Any) -> None:
    """Have both judge a picture."""
    wait_until(lambda: shadow.wants_pictures, "the candidate waits for a frame")
    before = figures(shadow).compared
    line.take(pixels, camera, **told)
    wait_until(lambda: figures(shadow).compared == before + 1, "the candidate has looked")


def failure(shadow: Shadow) -> str:
    def failed() -> bool:
        return shadow.standing is not None and shadow.standing.state is ShadowState.FAILED

    wait_until(failed, "the candidate was stopped")
    assert shadow.standing is not None
    return str(shadow.standing.reason)


def test_a_candidate_is_compared_and_disagreements_are_kept_with_pictures(
    make_line: MakeLine, registry: Registry, bundle: Bundle, stricter: Bundle
) -> None:
    shadow, line = make_line()
    assert shadow.standing is None
    assert not shadow.wants_pictures
    look_on(shadow, stricter, "finer cells")
    for picture in (GOOD, BAD, FAINT):
        look(shadow, line, picture)
    assert [verdict.outcome for verdict in line.verdicts] == [Outcome.PASS, Outcome.FAIL, Outcome.PASS]
    assert {verdict.bundle for verdict in line.verdicts} == {bundle.path.name}
    told = figures(shadow)
    assert (told.both_pass, told.both_fail, told.only_candidate_fails, told.only_running_fails) == (1, 1, 1, 0)
    assert told.against == bundle.path.name
    assert told.running_ratios is not None
    assert told.candidate_ratios is not None
    assert told.running_ratios.max == pytest.approx(line.verdicts[1].score / 20.0, abs=1e-3)  # type: ignore[operator]
    assert told.candidate_ratios.p50 > 1
    ((entry, found),) = read_disagreements(results_in(registry.directory) / stricter.path.name)
    assert found.verdict == line.verdicts[2]
    assert (found.bundle, found.threshold) == (stricter.path.name, 9.0)
    assert found.score >= 9.0
    (region,) = found.regions
    assert (region.x, region.y) == pytest.approx((40, 8), abs=4)
    views = read_views(entry)
    assert (views.pixels == FAINT).all()
    assert (views.running.cell, views.candidate.cell) == (8, 4)
    assert views.candidate.distance.max() >= 9.0
    line_map = line.maps[2]
    assert line_map is not None
    assert views.running.distance == pytest.approx(line_map.distance, rel=1e-3)


def test_the_same_bundle_says_what_the_line_says(make_line: MakeLine, registry: Registry, bundle: Bundle) -> None:
    scale, began = 0.5, time.monotonic() - 5
    cameras = {
        "web": {"roi": [[[8, 8], [80, 8], [80, 40]]]},
        "grey": {"mm_per_px": scale, "web": {"direction": "up", "speed_mm_s": scale * 24}},
        "down": {"mm_per_px": scale, "web": {"direction": "down", "speed_mm_s": scale * 24.5}},
    }
    shadow, line = make_line(cameras)
    look_on(shadow, bundle, "to see that they agree")
    for turn in range(4):
        picture = spot(surface_picture(turn), 24 + 3 * turn, 20)
        look(shadow, line, picture)
        for camera in ("grey", "down"):  # each frame shows 40 px of the one before again
            look(shadow, line, picture[..., 0] if camera == "grey" else picture, camera, at_s=began + turn)
    assert figures(shadow).compared == 12
    shadow.close()
    seen = read_figures(results_in(registry.directory) / bundle.path.name)
    for pair in seen.recent:
        assert pair.candidate == pair.running
    assert any(verdict.judged_from_mm != verdict.along_mm for verdict in line.verdicts)


def test_a_slow_candidate_is_passed_by(make_line: MakeLine, stricter: Bundle) -> None:
    shadow, line = make_line(program=faulty("slow"))
    look_on(shadow, stricter, "slow")
    wait_until(lambda: shadow.wants_pictures, "the candidate waits for a frame")
    began = time.monotonic()
    for _ in range(20):
        line.take(GOOD)
    assert time.monotonic() - began < 2
    # The last frame may have gone to the candidate, too, where the line was slow enough for it.
    wait_until(
        lambda: figures(shadow).compared + figures(shadow).skipped == 20, "every frame was looked at or passed by"
    )
    assert figures(shadow).compared >= 1
    assert figures(shadow).skipped > 10
    assert shadow.standing is not None
    assert shadow.standing.state is ShadowState.COMPARING


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raising", "it fell over"),
        ("nan", "NaN or infinity"),
        ("dying", "killed by SIGSEGV"),
        ("hung", "no answer within 0.5 s"),
    ],
)
def test_a_candidate_with_a_fault_is_stopped_and_the_line_goes_on(
    make_line: MakeLine, registry: Registry, stricter: Bundle, fault: str, reason: str
) -> None:
    shadow, line = make_line(program=faulty(fault), patience_s=0.5)
    look_on(shadow, stricter, "a fault")
    wait_until(lambda: shadow.wants_pictures, "the candidate waits for a frame")
    assert line.take(BAD).outcome is Outcome.FAIL
    assert reason in failure(shadow)
    assert not shadow.wants_pictures
    assert line.take(BAD).outcome is Outcome.FAIL
    again, _ = make_line()
    again.resume()
    assert reason in failure(again)  # it is not tried again by itself, and the reason is told still
    look_on(again, stricter, "mended")
    assert again.standing is not None
    assert again.standing.state is ShadowState.COMPARING


def test_a_candidate_that_may_not_judge_is_refused_and_the_one_before_looks_on(
    make_line: MakeLine, registry: Registry, stricter: Bundle, tmp_path: Any
) -> None:
    wrong = tiny_bundle(tmp_path, golden_factor=2.0)
    registry.add(wrong.path, None, None)
    shadow, line = make_line()
    look_on(shadow, stricter, "first")
    with pytest.raises(ModelRefusedError, match="golden tiles differ"):
        look_on(shadow, wrong, "second")
    assert shadow.bundle == stricter.path.name
    look(shadow, line, GOOD)
    with pytest.raises(ModelRefusedError, match="looks on already"):
        look_on(shadow, stricter, "again")


def test_the_one_before_looks_on_while_another_loads(
    make_line: MakeLine, registry: Registry, bundle: Bundle, stricter: Bundle
) -> None:
    first, _ = make_line()
    look_on(first, stricter)
    first.close()
    shadow, line = make_line(program=faulty("stopped"))
    shadow.resume()
    assert shadow.bundle == stricter.path.name
    refusals: list[str | None] = []
    shadow.begin(bundle.path.name, who="ada", why="another", settled=refusals.append)
    with pytest.raises(ModelRefusedError, match="is loading"):
        shadow.begin(bundle.path.name, who="ada", why="again", settled=refusals.append)
    assert (shadow.bundle, shadow.loading) == (stricter.path.name, bundle.path.name)
    shadow.end("it judges", bundle.path.name)
    assert (shadow.bundle, shadow.loading, refusals) == (stricter.path.name, None, ["it judges"])
    shadow.begin(bundle.path.name, who="ada", why="another", settled=refusals.append)
    shadow.give_up("the end")
    assert (shadow.bundle, shadow.loading, refusals[1:]) == (stricter.path.name, None, ["the end"])
    assert line.take(BAD).outcome is Outcome.FAIL


def test_a_restart_goes_on_and_a_stop_ends_it(make_line: MakeLine, registry: Registry, stricter: Bundle) -> None:
    shadow, line = make_line()
    look_on(shadow, stricter, "first")
    for picture in (GOOD, FAINT):
        look(shadow, line, picture)
    shadow.close()
    again, line = make_line()
    again.resume()
    look(again, line, FAINT)
    assert again.standing is not None
    assert (again.standing.who, again.standing.why) == ("ada", "first")
    assert (figures(again).both_pass, figures(again).only_candidate_fails) == (1, 2)
    again.end("enough")
    assert again.standing is None
    assert not again.wants_pictures
    third, _ = make_line()
    third.resume()
    assert third.standing is None
    assert read_figures(results_in(registry.directory) / stricter.path.name).counts.only_candidate_fails == 2


def test_with_another_model_that_judges_counting_begins_anew(
    make_line: MakeLine, registry: Registry, bundle: Bundle, stricter: Bundle, tmp_path: Path
) -> None:
    shadow, line = make_line()
    look_on(shadow, stricter, "first")
    look(shadow, line, FAINT)
    shadow.close()
    other = tiny_bundle(tmp_path, tile=32, overlap=0, threshold=7.0)
    again, line = make_line(judging=other)
    again.resume()
    wait_until(lambda: again.wants_pictures, "the candidate waits for a frame")
    line.take(GOOD)
    wait_until(lambda: figures(again).against == other.path.name, "the candidate has looked")
    assert (figures(again).both_pass, figures(again).only_candidate_fails) == (1, 0)
    assert not list(read_disagreements(results_in(registry.directory) / stricter.path.name))
