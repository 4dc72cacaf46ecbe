"""The switcher with a real inspector and real engines, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from calib.calibration import Calibration
from engines.base import Engine
from engines.bundle import Bundle
from engines.errors import EngineError
from inspectd.errors import ModelRefusedError
from inspectd.model import load_model
from inspectd.models.active import activated
from inspectd.models.asked import Deletion, Looking
from inspectd.models.change import Order
from inspectd.models.registry import Registry
from inspectd.models.switch import Switcher
from inspectd.pipeline.model import Model
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings, ModelSettings
from inspectd.shadow.shadow import Shadow
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeAction, ChangeStanding, ChangeState, Outcome
from tests.bundles import spot, surface_picture, tiny_bundle
from tests.inspectd.line import Line, wait_for
from tests.inspectd.models.test_registry import flip
from tests.inspectd.shadow.scene import settings_of

BAD = spot(surface_picture(2), 20, 30)


class Switching:
    """A line, its registry and its switcher."""

    def __init__(self, folder: Path, bundle: Bundle, finer: Bundle) -> None:
        self.registry = Registry(folder / "models")
        self.registry.add(bundle.path, "coarse", None)
        self.registry.add(finer.path, "fine", None)
        self.registry.write_active(activated(None, bundle.path.name))
        settings = EngineSettings(threads=1)
        self.line = Line(load_model(bundle, settings, {}, make_engine))
        self.engines = [self.line.inspector.model.engine]
        self.fatal: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.switcher = Switcher(
            self.registry,
            ModelSettings(registry=self.registry.directory),
            running=lambda: self.line.inspector.model,
            load=self._load,
            adopt=self._adopt,
            on_fatal=self.fatal.append,
            shadow=Shadow(self.registry.directory, settings_of(self.registry.directory, {"web": {}}), self.line.meters),
        )
        self.switcher.start()

    def _adopt(self, model: Model, change: ChangeDraft) -> None:
        if self.fault is not None:
            model.engine.close()
            raise self.fault
        self.line.inspector.adopt(model, change)

    def _load(self, bundle: Bundle, calibration: Calibration, running: Model) -> Model:
        self.gate.wait(20)
        model = load_model(bundle, EngineSettings(threads=1), {}, make_engine, calibration=calibration, running=running)
        self.engines.append(model.engine)
        return model

    def ask(self, action: ChangeAction, bundle: str | None = None, threshold: float | None = None) -> ChangeStanding:
        ticket = self.switcher.ask(Order(action=action, who="ada", why="a test", bundle=bundle, threshold=threshold))
        return self.settled(ticket)

    def settled(self, ticket: str) -> ChangeStanding:
        wait_for(lambda: self.standing(ticket).state in (ChangeState.DONE, ChangeState.REFUSED))
        return self.standing(ticket)

    def standing(self, ticket: str) -> ChangeStanding:
        return next(standing for standing in self.switcher.standings if standing.ticket == ticket)

    def judging(self) -> tuple[str, float]:
        model = self.line.inspector.model
        return model.name, model.threshold

    def recorded(self) -> tuple[str, float | None]:
        active = self.registry.active()
        assert active is not None
        return active.judging.bundle, active.judging.threshold


@pytest.fixture
def switching(tmp_path: Path, bundle: Bundle, finer: Bundle) -> Iterator[Switching]:
    switching = Switching(tmp_path, bundle, finer)
    try:
        yield switching
    finally:
        switching.gate.set()
        switching.switcher.close()
        switching.line.finish()
        switching.line.inspector.model.engine.close()


def test_frames_are_judged_by_what_was_in_effect_when_they_came(
    switching: Switching, bundle: Bundle, finer: Bundle
) -> None:
    first = switching.line.take(BAD)
    assert switching.ask(ChangeAction.ACTIVATE, finer.path.name).state is ChangeState.DONE
    second = switching.line.take(BAD)
    switching.line.finish()
    told = {draft.frame: draft for draft in switching.line.drafts}
    assert (told[first].bundle, told[first].threshold) == (bundle.path.name, 20.0)
    assert (told[second].bundle, told[second].threshold) == (finer.path.name, 12.0)
    (change,) = (said for said in switching.line.reported if isinstance(said, ChangeDraft))
    assert (change.bundle_before, change.threshold_before) == (bundle.path.name, 20.0)
    assert switching.line.reported.index(change) < switching.line.reported.index(told[second])
    engine = switching.engines[0]
    wait_for(lambda: _is_closed(engine))


def _is_closed(engine: Engine) -> bool:
    try:
        engine.infer(np.zeros((1, 64, 64, 3), np.uint8))
    except EngineError:
        return True
    return False


def score_of(switching: Switching, frame: int) -> float:
    wait_for(lambda: any(draft.frame == frame for draft in switching.line.drafts))
    score = next(draft.score for draft in switching.line.drafts if draft.frame == frame)
    assert score is not None
    return score


def test_a_moved_threshold_judges_from_the_next_frame_and_keeps_the_engine(
    switching: Switching, bundle: Bundle
) -> None:
    engine = switching.line.inspector.model.engine
    assert switching.ask(ChangeAction.THRESHOLD, threshold=40.0).state is ChangeState.DONE
    assert switching.line.inspector.model.engine is engine
    moved = switching.line.take(BAD)
    score = score_of(switching, moved)
    assert switching.ask(ChangeAction.UNDO).state is ChangeState.DONE
    back = switching.line.take(BAD)
    score_of(switching, back)
    told = {draft.frame: (draft.threshold, draft.outcome) for draft in switching.line.drafts}
    assert told[moved] == (40.0, Outcome.FAIL if score >= 40 else Outcome.PASS)
    assert told[back] == (20.0, Outcome.FAIL)
    assert switching.recorded() == (bundle.path.name, None)


def test_only_one_change_at_a_time(switching: Switching, finer: Bundle) -> None:
    switching.gate.clear()
    first = switching.switcher.ask(Order(action=ChangeAction.ACTIVATE, who="ada", why="first", bundle=finer.path.name))
    with pytest.raises(ModelRefusedError, match="activate by ada is under way"):
        switching.switcher.ask(Order(action=ChangeAction.UNDO, who="bob", why="second"))
    wait_for(lambda: switching.standing(first).state is ChangeState.CHECKING)
    switching.gate.set()
    assert switching.settled(first).state is ChangeState.DONE
    assert switching.judging() == (finer.path.name, 12.0)


def test_what_waits_to_load_in_the_shadow_holds_no_change_up(switching: Switching, finer: Bundle) -> None:
    switching.gate.clear()
    first = switching.switcher.ask(Order(action=ChangeAction.ACTIVATE, who="ada", why="first", bundle=finer.path.name))
    looking = switching.switcher.ask(Looking(finer.path.name, "bob", "at the same time"))
    with pytest.raises(ModelRefusedError, match="shadow by bob is under way"):
        switching.switcher.ask(Looking(finer.path.name, "cyd", "too"))
    switching.gate.set()
    assert switching.settled(first).state is ChangeState.DONE
    assert "judges" in str(switching.settled(looking).reason)


@pytest.mark.parametrize("how", ["damaged", "lying", "gone"])
def test_what_is_refused_leaves_the_old_one_judging(
    switching: Switching, bundle: Bundle, finer: Bundle, tmp_path: Path, how: str
) -> None:
    before = switching.registry.active()
    name = finer.path.name
    match how:
        case "damaged":
            flip(switching.registry.path_of(name) / "model.onnx")
        case "lying":
            name = switching.registry.add(tiny_bundle(tmp_path, golden_factor=1.2).path, None, None).bundle
        case "gone":
            switching.registry.delete(name)
    standing = switching.ask(ChangeAction.ACTIVATE, name)
    assert standing.state is ChangeState.REFUSED
    assert standing.reason
    assert switching.judging() == (bundle.path.name, 20.0)
    assert switching.registry.active() == before
    assert switching.ask(ChangeAction.THRESHOLD, threshold=21.0).state is ChangeState.DONE


def test_a_bundle_that_turned_out_damaged_is_listed_so(switching: Switching, finer: Bundle) -> None:
    wait_for(lambda: not switching.switcher.catalogue.examine_next())
    flip(switching.registry.path_of(finer.path.name) / "model.onnx")  # and looks as before
    switching.ask(ChangeAction.ACTIVATE, finer.path.name)
    damage = {entry.note.name: entry.damage for entry in switching.switcher.catalogue.entries()}
    assert damage["coarse"] is None
    assert "model.onnx" in (damage["fine"] or "")


def test_a_record_that_cannot_be_written_leaves_the_old_one_judging(
    switching: Switching, bundle: Bundle, finer: Bundle
) -> None:
    active = switching.registry.directory / "active.json"
    active.unlink()
    (active / "in the way").mkdir(parents=True)
    standing = switching.ask(ChangeAction.ACTIVATE, finer.path.name)
    assert standing.state is ChangeState.REFUSED
    assert switching.judging() == (bundle.path.name, 20.0)


def test_a_model_that_was_recorded_and_cannot_be_taken_ends_the_daemon(switching: Switching, finer: Bundle) -> None:
    switching.fault = RuntimeError("out of threads")
    assert switching.ask(ChangeAction.ACTIVATE, finer.path.name).state is ChangeState.REFUSED
    assert [str(error) for error in switching.fatal] == ["out of threads"]
    assert switching.recorded() == (finer.path.name, None)


def test_what_is_loading_when_the_daemon_ends_is_not_taken(switching: Switching, bundle: Bundle, finer: Bundle) -> None:
    switching.gate.clear()
    ticket = switching.switcher.ask(Order(action=ChangeAction.ACTIVATE, who="ada", why="late", bundle=finer.path.name))
    wait_for(lambda: switching.standing(ticket).state is ChangeState.CHECKING)
    threading.Timer(0.1, switching.gate.set).start()
    switching.switcher.close()
    assert switching.standing(ticket).reason == "the daemon is ending"
    assert switching.judging() == (bundle.path.name, 20.0)
    assert switching.recorded() == (bundle.path.name, None)
    with pytest.raises(ModelRefusedError, match="ending"):
        switching.switcher.ask(Order(action=ChangeAction.UNDO, who="bob", why="later"))


def test_what_is_needed_is_not_deleted_and_what_is_not_is(switching: Switching, bundle: Bundle, finer: Bundle) -> None:
    assert switching.ask(ChangeAction.ACTIVATE, finer.path.name).state is ChangeState.DONE
    for name in (bundle.path.name, finer.path.name):
        refused = switching.settled(switching.switcher.ask(Deletion(name, "ada", "tidy")))
        assert refused.state is ChangeState.REFUSED
    assert switching.ask(ChangeAction.ROLLBACK).state is ChangeState.DONE
    deleted = switching.settled(switching.switcher.ask(Deletion(finer.path.name, "ada", "tidy")))
    assert deleted.state is ChangeState.DONE
    assert [note.name for note in switching.registry.notes()] == ["coarse"]
