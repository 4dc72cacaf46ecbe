from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calib.border import level
from engines.base import BatchResult, Ticket
from engines.bundle import Bundle
from engines.errors import DeviceLostError, EngineError, NotFiniteError
from engines.onnx import OnnxEngine
from inspectd.frames import LostFrame
from inspectd.pipeline.model import Model
from inspectd.pipeline.runner import FAILURES_TO_GIVE_UP
from inspectd.settings import DropPolicy
from inspectd.wire.models import Outcome, Reason
from tests.bundles import GREY, spot, surface_picture
from tests.inspectd.line import GatedEngine, Line, wait_for
from tools.inspection import frame_map, inspect


@pytest.fixture
def engine(bundle: Bundle) -> Iterator[GatedEngine]:
    with GatedEngine(bundle) as engine:
        yield engine


MakeLine = Callable[..., Line]


@pytest.fixture
def make_line(bundle: Bundle, engine: GatedEngine) -> MakeLine:
    def make(*, drop: DropPolicy = DropPolicy.BLOCK, deadline_ms: float = 20_000) -> Line:
        return Line(Model.of(engine, bundle), drop=drop, deadline_ms=deadline_ms)

    return make


def test_good_frames_pass_and_a_spot_fails_where_it_is(make_line: MakeLine) -> None:
    line = make_line()
    good = line.take(surface_picture(1, 200, 300))
    bad = line.take(spot(surface_picture(2, 200, 300), 120, 200))
    verdicts = line.finish()
    assert verdicts[good].outcome is Outcome.PASS
    assert verdicts[good].regions == ()
    assert verdicts[bad].outcome is Outcome.FAIL
    assert (verdicts[bad].score or 0) >= verdicts[bad].threshold
    region = verdicts[bad].regions[0]
    assert region.centroid_x == pytest.approx(208, abs=4)
    assert region.centroid_y == pytest.approx(128, abs=4)
    assert (verdicts[bad].width, verdicts[bad].height) == (300, 200)


def test_frames_of_any_size_share_batches_and_every_one_gets_its_own_verdict(make_line: MakeLine) -> None:
    line = make_line()
    rng = np.random.default_rng(0)
    expected = {}
    for index in range(60):
        height, width = (int(value) for value in rng.integers(20, 400, 2))
        picture = surface_picture(index, height, width)
        defective = bool(index % 3 == 0)
        if defective:
            picture = spot(picture, height // 2 - 8, width // 2 - 8)
        expected[line.take(picture, ("web", "edge")[index % 2])] = Outcome.FAIL if defective else Outcome.PASS
    verdicts = line.finish()
    assert {number: draft.outcome for number, draft in verdicts.items()} == expected
    assert sorted(line.released) == sorted(expected)


def test_a_frames_verdict_does_not_depend_on_its_company(make_line: MakeLine) -> None:
    picture = spot(surface_picture(7, 150, 250), 60, 100, size=5)
    alone = make_line()
    number = alone.take(picture)
    score = alone.finish()[number].score
    line = make_line()
    numbers = [line.take(picture if index == 5 else surface_picture(index, 70 + index, 90)) for index in range(12)]
    assert line.finish()[numbers[5]].score == pytest.approx(score, rel=1e-5)


def test_a_frame_that_cannot_be_judged_in_time_is_an_error_before_its_deadline(
    make_line: MakeLine, engine: GatedEngine
) -> None:
    line = make_line(deadline_ms=300)
    engine.gate.clear()
    numbers = [line.take(surface_picture(index)) for index in range(5)]
    wait_for(lambda: len(line.drafts) == 5)
    engine.gate.set()
    verdicts = line.finish()
    assert set(verdicts) == set(numbers)
    for draft in verdicts.values():
        assert (draft.outcome, draft.reason, draft.score) == (Outcome.ERROR, Reason.DEADLINE, None)
        assert draft.decided_monotonic_ns - draft.captured_monotonic_ns >= 0.25e9
    assert sorted(line.released) == sorted(numbers)


@pytest.mark.parametrize(
    ("drop", "kept"), [(DropPolicy.OLDEST, {1, 2, 8, 9, 10}), (DropPolicy.NEWEST, {1, 2, 3, 4, 5})]
)
def test_when_frames_come_too_fast_the_policy_says_which_is_given_up(
    make_line: MakeLine, engine: GatedEngine, drop: DropPolicy, kept: set[int]
) -> None:
    line = make_line(drop=drop)
    engine.gate.clear()
    full_batch = surface_picture(0, 112, 112)  # four tiles
    for taken in (1, 2):  # the engine's two slots
        line.take(full_batch)
        wait_for(lambda taken=taken: len(line.released) == taken)  # type: ignore[misc] # binds the loop's value
    for _ in range(8):
        line.take(full_batch)
    engine.gate.set()
    verdicts = line.finish()
    assert len(verdicts) == 10
    assert {number for number, draft in verdicts.items() if draft.reason is not Reason.OVERRUN} == kept
    assert sorted(line.released) == list(range(1, 11))


def test_an_engine_that_reads_pixels_later_has_them_until_its_batch_is_collected(
    make_line: MakeLine, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "keeps_pixels", True)
    line = make_line()
    engine.gate.clear()
    numbers = [line.take(surface_picture(1, 112, 112)), line.take(surface_picture(2, 112, 208))]  # 4 and 8 tiles
    wait_for(lambda: len(engine._flying) == 2)  # the second is half way through
    time.sleep(0.05)
    assert line.released == []
    engine.gate.set()
    verdicts = line.finish()
    assert {draft.outcome for draft in verdicts.values()} == {Outcome.PASS}
    assert line.released == numbers


def test_pixels_of_a_frame_that_ran_out_of_time_are_not_given_back_while_a_batch_reads_them(
    make_line: MakeLine, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "keeps_pixels", True)
    line = make_line(deadline_ms=200)
    engine.gate.clear()
    number = line.take(surface_picture(1, 112, 400))  # more tiles than both slots hold
    wait_for(lambda: len(line.drafts) == 1)
    assert line.released == []
    engine.gate.set()
    assert line.finish()[number].reason is Reason.DEADLINE
    assert line.released == [number]


def test_a_camera_that_blocks_loses_nothing(make_line: MakeLine, engine: GatedEngine) -> None:
    line = make_line(drop=DropPolicy.BLOCK)
    engine.gate.clear()
    numbers = [line.take(surface_picture(index)) for index in range(40)]
    engine.gate.set()
    assert {draft.outcome for draft in line.finish().values()} == {Outcome.PASS}
    assert sorted(line.released) == numbers


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(EngineError("boom"), Reason.ENGINE_FAILED), (NotFiniteError("NaN"), Reason.NOT_FINITE)],
)
def test_a_failed_batch_is_an_error_for_its_frames_and_the_next_are_judged(
    make_line: MakeLine, engine: GatedEngine, fault: EngineError, reason: Reason
) -> None:
    line = make_line()
    engine.fault = fault
    failed = line.take(surface_picture(1))
    wait_for(lambda: len(line.drafts) == 1)
    engine.fault = None
    judged = line.take(surface_picture(2))
    verdicts = line.finish()
    assert (verdicts[failed].outcome, verdicts[failed].reason) == (Outcome.ERROR, reason)
    assert verdicts[judged].outcome is Outcome.PASS
    assert line.fatal == []


def test_an_engine_that_keeps_failing_is_fatal(make_line: MakeLine, engine: GatedEngine) -> None:
    line = make_line()
    engine.fault = EngineError("boom")
    for index in range(FAILURES_TO_GIVE_UP):
        line.take(surface_picture(index))
        wait_for(lambda index=index: len(line.drafts) == index + 1)  # type: ignore[misc] # binds the loop's value
    wait_for(lambda: bool(line.fatal))
    assert "in a row; last: boom" in str(line.fatal[0])
    assert {draft.reason for draft in line.finish().values()} == {Reason.ENGINE_FAILED}


def test_an_engine_that_hangs_is_fatal_and_its_frames_are_errors(bundle: Bundle) -> None:
    class HungEngine(OnnxEngine):
        def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
            return super().collect(ticket, 0.0 if self.hung else timeout_s)

        hung = False

        def _run(self, *args: object) -> BatchResult:
            if self.hung:
                time.sleep(0.5)
            return super()._run(*args)  # type: ignore[arg-type] # passed through

    with HungEngine(bundle, threads=1) as engine:
        engine.hung = True
        line = Line(Model.of(engine, bundle), drop=DropPolicy.BLOCK, deadline_ms=20_000)
        number = line.take(surface_picture(1))
        wait_for(lambda: bool(line.fatal))
        assert "engine hangs" in str(line.fatal[0])
        assert line.finish()[number].reason is Reason.ENGINE_FAILED


@pytest.mark.parametrize("keeps_pixels", [False, True])
def test_an_engine_that_is_lost_leaves_no_frame_held(
    make_line: MakeLine, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch, *, keeps_pixels: bool
) -> None:
    monkeypatch.setattr(engine, "keeps_pixels", keeps_pixels)
    line = make_line()
    engine.gate.clear()
    numbers = [line.take(surface_picture(index, 112, 400)) for index in range(6)]  # in flight, half cut, and waiting
    wait_for(lambda: len(engine._flying) == engine.slots)
    engine.fault = DeviceLostError("gone")
    engine.gate.set()
    wait_for(lambda: bool(line.fatal))
    line.inspector.drain(0.05, Reason.ENGINE_FAILED, "gone")
    assert {draft.reason for draft in line.finish().values()} == {Reason.ENGINE_FAILED}
    assert sorted(line.released) == numbers


def test_frames_cut_short_by_the_end_are_told(make_line: MakeLine, engine: GatedEngine) -> None:
    line = make_line()
    engine.gate.clear()
    numbers = [line.take(surface_picture(index)) for index in range(6)]
    assert line.inspector.drain(0.05, Reason.SHUTDOWN, "too short") == 6
    engine.gate.set()
    assert line.inspector.close(20)
    assert sorted(draft.frame or 0 for draft in line.drafts) == numbers
    assert {draft.reason for draft in line.drafts} == {Reason.SHUTDOWN}


def test_lost_frames_and_cameras_are_errors(make_line: MakeLine) -> None:
    line = make_line()
    line.inspector.lost(LostFrame("web", 7, Reason.BAD_FRAME, "truncated", 1, 2, "a.png"))
    line.inspector.camera_lost("edge", "unplugged")
    line.finish()
    lost, camera = line.drafts
    assert (lost.outcome, lost.reason, lost.frame, lost.source) == (Outcome.ERROR, Reason.BAD_FRAME, 7, "a.png")
    assert (camera.outcome, camera.reason, camera.frame) == (Outcome.ERROR, Reason.CAMERA_LOST, None)


@pytest.mark.parametrize("onlooker", [False, True])
def test_what_a_lost_frame_showed_is_seen_by_onlookers_and_never_judged(
    bundle: Bundle, engine: GatedEngine, monkeypatch: pytest.MonkeyPatch, onlooker: bool
) -> None:
    submitted: list[object] = []
    monkeypatch.setattr(engine, "submit", submitted.append)
    line = Line(Model.of(engine, bundle), onlooker=onlooker)
    shown = line.frame(surface_picture(1, 100, 140))  # one that would pass
    line.inspector.lost(LostFrame("web", shown.number, Reason.FROZEN, "repeats", 1, 2, None, shown=shown))
    verdict = line.finish()[shown.number]
    assert (verdict.outcome, verdict.reason, verdict.score) == (Outcome.ERROR, Reason.FROZEN, None)
    assert (verdict.width, verdict.height) == (140, 100)
    assert line.shown == [shown.number] * onlooker
    assert line.released == [shown.number]
    assert (submitted, line.maps) == ([], [None])


def test_a_map_comes_with_every_judged_frame(make_line: MakeLine) -> None:
    line = make_line()
    line.take(surface_picture(1, 100, 140))
    line.finish()
    (distance,) = line.maps
    assert distance is not None
    assert distance.distance.shape == (13, 18)
    assert distance.cell == 8


@pytest.fixture
def levelling(bundle: Bundle) -> Bundle:
    """The same bundle with a profile of the frame's edge."""
    return replace(bundle, calibration=bundle.calibration.model_copy(update={"border": (2.0, 1.25)}))


def framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture with an edge, one cell wide, that is a fault anywhere else: 26 against a threshold of 20."""
    edged = np.full_like(picture, GREY + 15)
    edged[8:-8, 8:-8] = picture[8:-8, 8:-8]
    return edged


def test_daemon_and_tools_level_a_frames_edge_alike_and_once(levelling: Bundle, engine: GatedEngine) -> None:
    tile, calibration = levelling.manifest.tile, levelling.calibration
    picture = framed(surface_picture(4, 200, 296))
    told = inspect(engine, tile, calibration, picture)
    raw = frame_map(engine, tile, picture)
    line = Line(Model.of(engine, levelling), drop=DropPolicy.BLOCK, deadline_ms=20_000)
    verdict = line.finish_one(picture)
    assert raw.max() > calibration.threshold
    assert verdict.outcome is Outcome.PASS
    assert verdict.score == pytest.approx(told.score, rel=1e-5)
    (published,) = line.maps
    assert published is not None
    np.testing.assert_allclose(published.distance, told.distance, rtol=1e-5)
    np.testing.assert_allclose(published.distance, level(raw, calibration.border), rtol=1e-5)


def test_a_defect_in_a_cell_of_the_edge_still_fails_where_it_is(levelling: Bundle, engine: GatedEngine) -> None:
    picture = surface_picture(5, 200, 296)
    # One cell, so far off that its levelled distance is twice the threshold: √3 · 46 / 2 ≈ 2 · 20.
    picture[96:104, :8] = GREY - 47
    line = Line(Model.of(engine, levelling), drop=DropPolicy.BLOCK, deadline_ms=20_000)
    verdict = line.finish_one(picture)
    assert verdict.outcome is Outcome.FAIL
    region = verdict.regions[0]
    assert region.peak == pytest.approx(2 * verdict.threshold, rel=0.05)
    assert region.peak_x == pytest.approx(4, abs=2)
    assert region.peak_y == pytest.approx(100, abs=2)
