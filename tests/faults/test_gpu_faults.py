"""What becomes of the frames when the GPU fails: each gets its one verdict, ERROR with its reason, or is judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.base import BatchResult, Ticket
from engines.builds import Precision
from engines.bundle import Bundle
from engines.errors import DeviceMemoryError
from engines.tensorrt import TensorRTEngine
from inspectd.errors import DeviceFailure, EngineFailure
from inspectd.pipeline.model import Model
from inspectd.wire.models import Outcome, Reason
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon
from tests.engines.recording.driver import RecordingDriver
from tests.engines.recording.plan import RecordingLoader
from tests.inspectd.line import Line, wait_for


class ImpatientEngine(TensorRTEngine):
    """Waits for the GPU no longer than `patience_s`."""

    patience_s = 20.0

    def collect(self, ticket: Ticket, timeout_s: float) -> BatchResult:
        return super().collect(ticket, min(timeout_s, self.patience_s))


@pytest.fixture
def driver() -> RecordingDriver:
    return RecordingDriver()


@pytest.fixture
def engine(bundle: Bundle, driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImpatientEngine]:
    monkeypatch.setattr("engines.tensorrt.CLOSE_S", 0.2)  # for the end of a device that hangs
    loader = RecordingLoader(bundle, max_batch=4)
    with ImpatientEngine(
        bundle, lambda: driver, loader, precision=Precision.FP32, max_batch=4, slots=3, tell=print
    ) as engine:
        yield engine


def test_frames_are_judged_on_a_sound_gpu(bundle: Bundle, engine: ImpatientEngine) -> None:
    line = Line(Model.of(engine, bundle))
    numbers = [line.take(surface_picture(seed, 100 + 10 * seed, 300)) for seed in range(20)]
    verdicts = line.finish()
    assert {verdicts[number].outcome for number in numbers} == {Outcome.PASS}
    assert sorted(line.released) == numbers


def test_a_gpu_that_is_lost_ends_inspection_and_every_frame_taken_is_an_error(
    bundle: Bundle, engine: ImpatientEngine, driver: RecordingDriver
) -> None:
    driver.hangs = True  # so that batches are in flight when it is lost
    line = Line(Model.of(engine, bundle))
    numbers = [line.take(surface_picture(seed, 112, 112)) for seed in range(5)]
    wait_for(lambda: len(engine._flying) == engine.slots)
    driver.lose()
    wait_for(lambda: bool(line.fatal))
    assert isinstance(line.fatal[0], DeviceFailure)
    assert "the GPU is lost" in str(line.fatal[0])
    line.inspector.drain(0.1, Reason.ENGINE_FAILED, str(line.fatal[0]))  # as the daemon does after a fault
    assert line.inspector.close(20)
    assert sorted(draft.frame or 0 for draft in line.drafts) == numbers
    for draft in line.drafts:
        assert (draft.outcome, draft.reason) == (Outcome.ERROR, Reason.ENGINE_FAILED)
        assert "the GPU is lost" in (draft.detail or "")


def test_a_gpu_that_hangs_ends_inspection_and_every_frame_taken_is_an_error(
    bundle: Bundle, engine: ImpatientEngine, driver: RecordingDriver
) -> None:
    driver.hangs, engine.patience_s = True, 0.3
    line = Line(Model.of(engine, bundle))
    numbers = [line.take(surface_picture(seed, 112, 112)) for seed in range(4)]
    wait_for(lambda: bool(line.fatal))
    assert isinstance(line.fatal[0], EngineFailure)
    assert "the engine hangs" in str(line.fatal[0])
    line.inspector.drain(0.1, Reason.ENGINE_FAILED, str(line.fatal[0]))
    assert line.inspector.close(20)
    assert sorted(draft.frame or 0 for draft in line.drafts) == numbers
    assert {(draft.outcome, draft.reason) for draft in line.drafts} == {(Outcome.ERROR, Reason.ENGINE_FAILED)}


def test_a_frame_for_which_the_gpu_has_no_memory_is_an_error_and_the_next_is_judged(
    bundle: Bundle, engine: ImpatientEngine, driver: RecordingDriver
) -> None:
    line = Line(Model.of(engine, bundle))
    driver.faults["memory"] = DeviceMemoryError("the GPU's memory is used up")
    failed = line.take(surface_picture(1, 300, 300))
    wait_for(lambda: len(line.drafts) == 1)
    del driver.faults["memory"]
    judged = line.take(surface_picture(2, 300, 300))
    verdicts = line.finish()
    assert (verdicts[failed].outcome, verdicts[failed].reason) == (Outcome.ERROR, Reason.ENGINE_FAILED)
    assert "used up" in (verdicts[failed].detail or "")
    assert verdicts[judged].outcome is Outcome.PASS
    assert line.fatal == []


def test_nan_from_the_gpu_is_an_error_never_a_verdict(bundle: Bundle, engine: ImpatientEngine) -> None:
    line = Line(Model.of(engine, bundle))
    engine.update_centroids(bundle.centroids * np.float32(np.nan))
    rotten = line.take(surface_picture(1))
    wait_for(lambda: len(line.drafts) == 1)
    engine.update_centroids(bundle.centroids)
    sound = line.take(surface_picture(2))
    verdicts = line.finish()
    assert (verdicts[rotten].outcome, verdicts[rotten].reason) == (Outcome.ERROR, Reason.NOT_FINITE)
    assert verdicts[sound].outcome is Outcome.PASS


def test_the_daemon_leaves_with_the_code_of_a_lost_gpu_and_says_everything_once(bundle: Bundle, tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    for seed in range(4):
        cv2.imwrite(str(web / f"{seed}.png"), surface_picture(seed, 150, 250))
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{web}", "loop": True}})
    with RunningDaemon(configuration, program=("-m", "tests.faults.faulty_daemon", "lost-gpu")) as daemon:
        assert daemon.wait() == DeviceFailure.exit_code, daemon.log.read_text()
    verdicts = configuration.verdicts_in_journal()
    assert sorted(verdict["frame"] for verdict in verdicts) == list(range(1, len(verdicts) + 1))
    assert {(verdict["outcome"], verdict["reason"]) for verdict in verdicts} == {
        ("PASS", None),
        ("ERROR", "engine_failed"),
    }


@pytest.mark.parametrize("failure", [EngineFailure, DeviceFailure])
def test_a_driver_that_holds_up_pythons_end_does_not_hold_up_the_daemons(
    bundle: Bundle, tmp_path: Path, failure: type[EngineFailure]
) -> None:
    configuration = Configuration(tmp_path, bundle, {"web": {"source": "images:nowhere"}})
    program = f"""
import atexit, sys, time
import inspectd.daemon
from inspectd.cli import main
inspectd.daemon.run = lambda *_, **__: {failure.exit_code}
atexit.register(time.sleep, 300)
sys.argv = ["inspectd", "run", {str(configuration.path)!r}]
main()
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == failure.exit_code
