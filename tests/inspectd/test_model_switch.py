"""Another model takes the place of the one that judges, while frames are on their way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from engines.bundle import Bundle
from engines.onnx import OnnxEngine
from inspectd.pipeline.model import Model
from inspectd.settings import TriggerMode
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeAction, Outcome
from tests.bundles import spot, surface_picture, tiny_bundle
from tests.inspectd.line import GatedEngine, Line, wait_for

GOOD = surface_picture(1)
BAD = spot(surface_picture(2), 20, 30)
CHANGE = ChangeDraft(
    id="1",
    action=ChangeAction.ACTIVATE,
    surface="other",
    bundle="new",
    bundle_before="old",
    threshold=1.0,
    threshold_before=2.0,
    who="somebody",
    why=None,
    changed_utc_ns=1,
    changed_monotonic_ns=1,
)


class WatchedEngine(GatedEngine):
    """Tells whether it was closed."""

    closed = False

    def close(self) -> None:
        super().close()
        self.closed = True


@pytest.fixture
def old(bundle: Bundle) -> Iterator[Model]:
    with WatchedEngine(bundle) as engine:
        yield Model.of(engine, bundle)


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Model]:
    """Cuts tiles of another size and has cells of another size."""
    bundle = tiny_bundle(tmp_path, tile=32, overlap=0, cell=16, surface="other")
    with WatchedEngine(bundle) as engine:
        yield Model.of(engine, bundle)


def gated(model: Model) -> WatchedEngine:
    assert isinstance(model.engine, WatchedEngine)
    return model.engine


def test_each_frame_is_judged_by_the_model_of_its_arrival(old: Model, new: Model) -> None:
    line = Line(old)
    gated(old).gate.clear()
    before = [line.take(picture) for picture in (GOOD, BAD) for _ in range(4)]
    line.inspector.adopt(new, CHANGE)
    after = [line.take(picture) for picture in (GOOD, BAD) for _ in range(4)]
    gated(old).gate.set()
    verdicts = line.finish()
    for numbers, model in ((before, old), (after, new)):
        told = [verdicts[number] for number in numbers]
        assert {(draft.bundle, draft.surface, draft.threshold) for draft in told} == {
            (model.name, model.bundle.surface, model.threshold)
        }
        assert [draft.outcome for draft in told] == [Outcome.PASS] * 4 + [Outcome.FAIL] * 4
    cells = {number: distance.cell for number, distance in zip(before + after, line.maps, strict=True) if distance}
    assert set(cells.values()) == {8, 16}


def test_the_change_is_told_before_what_the_new_model_says(old: Model, new: Model) -> None:
    line = Line(old)
    line.take(GOOD)
    line.inspector.adopt(new, CHANGE)
    after = line.take(GOOD)
    line.finish()
    order = [draft if isinstance(draft, ChangeDraft) else getattr(draft, "frame", None) for draft in line.reported]
    assert order.index(CHANGE) < order.index(after)


def test_the_old_engine_is_closed_when_its_last_frame_is_through(old: Model, new: Model) -> None:
    line = Line(old)
    gated(old).gate.clear()
    line.take(BAD)
    line.inspector.adopt(new)
    assert line.take(GOOD)
    assert not gated(old).closed
    gated(old).gate.set()
    wait_for(lambda: gated(old).closed)
    line.finish()
    assert not gated(new).closed


def test_an_idle_engine_is_closed_at_once(old: Model, new: Model) -> None:
    line = Line(old)
    line.inspector.adopt(new)
    wait_for(lambda: gated(old).closed)
    assert line.finish_one(BAD).bundle == new.name


def test_nothing_is_kept_of_a_superseded_engine(bundle: Bundle, new: Model) -> None:
    engine = OnnxEngine(bundle, threads=1)
    engine.activate()
    line, kept = Line(Model.of(engine, bundle)), ref(engine)
    del engine
    line.take(BAD)
    line.inspector.adopt(new)
    line.take(BAD)
    wait_for(lambda: gc.collect() >= 0 and kept() is None)
    assert len(line.finish()) == 2


def test_all_frames_of_a_part_are_judged_by_one_model(old: Model, new: Model) -> None:
    line = Line(old, trigger=TriggerMode.HARDWARE)
    line.inspector.open_part("4711", ("web", "edge"), 20_000)
    first = line.take(GOOD, "web")
    line.inspector.adopt(new)
    second = line.take(GOOD, "edge")
    assert not gated(old).closed
    verdicts = line.finish()
    assert [verdicts[number].bundle for number in (first, second)] == [old.name] * 2
    assert [part.bundle for part in line.parts] == [old.name]
    wait_for(lambda: gated(old).closed)


def test_a_moved_threshold_keeps_the_engine(old: Model) -> None:
    line = Line(old)
    failed = line.take(BAD)
    line.inspector.adopt(old.with_threshold(1000.0))
    passed = line.take(BAD)
    line.inspector.adopt(old)
    failed_again = line.take(BAD)
    verdicts = line.finish()
    assert [verdicts[number].outcome for number in (failed, passed, failed_again)] == ["FAIL", "PASS", "FAIL"]
    assert [verdicts[number].threshold for number in (failed, passed, failed_again)] == [20.0, 1000.0, 20.0]
    assert not gated(old).closed


def test_a_hundred_switches_under_load_lose_nothing(bundle: Bundle, old: Model, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path, tile=32, overlap=0, cell=16, surface="other")
    line, model, models = Line(old), old, [old]
    by_number = {}
    for turn in range(100):
        for _ in range(3):
            by_number[line.take(BAD)] = model.name
        engine = WatchedEngine(other if turn % 2 == 0 else bundle)
        engine.activate()
        model = Model.of(engine, engine_bundle := (other if turn % 2 == 0 else bundle))
        assert model.name == engine_bundle.path.name
        line.inspector.adopt(model)
        models.append(model)
    verdicts = line.finish()
    assert {number: draft.bundle for number, draft in verdicts.items()} == by_number
    assert {draft.outcome for draft in verdicts.values()} == {Outcome.FAIL}
    wait_for(lambda: all(gated(retired).closed for retired in models[:-1]))
    model.engine.close()
