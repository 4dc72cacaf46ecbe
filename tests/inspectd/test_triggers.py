from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import zmq

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.capture.channel import Begin, Fire, FrameReady, FramesLost, Opened, channel_pair
from inspectd.capture.ring import RingWriter, create_ring
from inspectd.capture.worker import Worker
from inspectd.client import Client, Controller, PartVerdict
from inspectd.errors import CameraError, ClientError, TriggerRefusedError
from inspectd.frames import LostFrame
from inspectd.pipeline.model import Model
from inspectd.pipeline.parts import Part
from inspectd.settings import TriggerMode
from inspectd.wire.models import Outcome, Reason
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon, free_port, wait_until
from tests.inspectd.line import GatedEngine, Line, wait_for

GOOD = surface_picture(1)
BAD = spot(surface_picture(2), 20, 30)


@pytest.fixture
def engine(bundle: Bundle) -> Iterator[GatedEngine]:
    with GatedEngine(bundle) as engine:
        yield engine


def triggered(line: Line, part: str, *cameras: str, deadline_ms: float = 20_000) -> Part:
    return line.inspector.open_part(part, cameras or ("web",), deadline_ms)


class TestParts:
    """Which frame belongs to which part, and what is said of it."""

    def test_the_next_frame_is_the_parts_and_no_other(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle))
        before = line.take(GOOD)
        triggered(line, "4711")
        shown = line.take(GOOD)
        after = line.take(GOOD)
        verdicts = line.finish()
        assert [verdicts[number].part for number in (before, shown, after)] == [None, "4711", None]
        (part,) = line.parts
        assert (part.part, part.outcome, part.reason) == ("4711", Outcome.PASS, None)
        assert [(frame.camera, frame.frame) for frame in part.frames] == [("web", shown)]

    def test_a_part_fails_with_any_of_its_frames_whatever_came_of_the_others(
        self, bundle: Bundle, engine: GatedEngine
    ) -> None:
        line = Line(Model.of(engine, bundle))
        triggered(line, "mixed", "web", "edge")
        line.take(BAD, "edge")
        line.inspector.lost(LostFrame("web", 9, Reason.BAD_FRAME, "torn", time.monotonic_ns(), time.time_ns(), None))
        line.finish()
        (part,) = line.parts
        assert (part.outcome, part.reason) == (Outcome.FAIL, None)
        assert [(frame.camera, frame.outcome) for frame in part.frames] == [
            ("web", Outcome.ERROR),
            ("edge", Outcome.FAIL),
        ]

    def test_a_part_passes_only_with_all_of_its_frames(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle))
        triggered(line, "half", "web", "edge", deadline_ms=300)
        line.take(GOOD, "edge")
        wait_for(lambda: bool(line.parts))
        line.finish()
        (part,) = line.parts
        assert (part.outcome, part.reason) == (Outcome.ERROR, Reason.NO_FRAME)
        assert part.detail == "web: no frame came within 300 ms of the trigger"
        missing = next(draft for draft in line.drafts if draft.camera == "web")
        assert (missing.part, missing.frame, missing.reason) == ("half", None, Reason.NO_FRAME)
        took_ns = part.decided_monotonic_ns - part.triggered_monotonic_ns
        assert took_ns < 300e6

    def test_a_frame_from_before_the_trigger_is_never_its_parts(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle), trigger=TriggerMode.HARDWARE)
        triggered(line, "late")
        early = line.take(GOOD, age_s=0.5)
        own = line.take(BAD)
        verdicts = line.finish()
        assert (verdicts[early].part, verdicts[early].untriggered) == (None, True)
        assert (verdicts[own].part, verdicts[own].untriggered) == ("late", False)
        assert line.parts[0].outcome is Outcome.FAIL
        assert line.inspector.untriggered("web") == 1

    def test_a_fired_camera_says_itself_what_a_frame_is_for(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle), trigger=TriggerMode.SOFTWARE)
        triggered(line, "first", deadline_ms=150)
        wait_for(lambda: bool(line.parts))  # its frame comes too late
        triggered(line, "second")
        stale = line.take(GOOD, part="first")
        own = line.take(BAD, part="second")
        verdicts = line.finish()
        assert (verdicts[stale].part, verdicts[stale].untriggered) == (None, True)
        assert verdicts[own].part == "second"
        outcomes = {part.part: (part.outcome, part.reason) for part in line.parts}
        assert outcomes == {"first": (Outcome.ERROR, Reason.NO_FRAME), "second": (Outcome.FAIL, None)}

    def test_frames_of_a_part_share_its_deadline(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle), deadline_ms=20_000)
        engine.gate.clear()
        triggered(line, "slow", deadline_ms=300)
        number = line.take(GOOD)
        wait_for(lambda: bool(line.parts))
        engine.gate.set()
        verdict = line.finish()[number]
        assert (verdict.outcome, verdict.reason, verdict.part) == (Outcome.ERROR, Reason.DEADLINE, "slow")
        assert (line.parts[0].outcome, line.parts[0].reason) == (Outcome.ERROR, Reason.DEADLINE)

    def test_a_lost_camera_ends_the_wait_at_once(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle))
        triggered(line, "one")
        triggered(line, "two")
        line.inspector.camera_lost("web", "unplugged")
        assert [(part.part, part.reason) for part in line.parts] == [("one", Reason.NO_FRAME), ("two", Reason.NO_FRAME)]
        line.finish()

    def test_the_end_of_the_daemon_is_told_for_open_parts_and_no_more_are_taken(
        self, bundle: Bundle, engine: GatedEngine
    ) -> None:
        line = Line(Model.of(engine, bundle))
        triggered(line, "open")
        assert line.inspector.drain(0.05, Reason.SHUTDOWN, "too short") == 1
        assert (line.parts[0].outcome, line.parts[0].reason) == (Outcome.ERROR, Reason.SHUTDOWN)
        with pytest.raises(TriggerRefusedError, match="no more triggers"):
            triggered(line, "after the end")
        assert line.inspector.close(20)

    def test_an_id_is_open_once_and_parts_are_bounded(self, bundle: Bundle, engine: GatedEngine) -> None:
        line = Line(Model.of(engine, bundle))
        triggered(line, "1")
        with pytest.raises(TriggerRefusedError, match="part '1' is open"):
            triggered(line, "1")
        for name in ("2", "3", "4"):
            triggered(line, name)
        with pytest.raises(TriggerRefusedError, match="4 parts wait"):
            triggered(line, "5")
        for _ in range(4):
            line.take(GOOD)
        wait_for(lambda: len(line.parts) == 4)
        triggered(line, "1")
        line.take(GOOD)
        line.finish()
        assert [part.part for part in line.parts] == ["1", "2", "3", "4", "1"]


class ScriptedCamera(Camera):
    """Gives, for each trigger, a picture that was left over from before it, and then the one asked for."""

    def __init__(self) -> None:
        self.triggers = 0
        self.lost = False
        self._waiting: list[Picture | BadPicture] = []

    def open(self) -> None: ...

    def look(self) -> None:
        if self.lost:
            raise CameraError("the cable was pulled")

    def trigger(self) -> None:
        self.triggers += 1
        now = time.monotonic_ns()
        self._waiting = [
            Picture(GOOD, PixelFormat.RGB8, now - 10**9, time.time_ns(), "left over"),
            BadPicture("torn", now + 10**6, time.time_ns(), "asked for")
            if self.triggers == 2
            else Picture(BAD, PixelFormat.RGB8, now + 10**6, time.time_ns(), "asked for"),
        ]

    def read(self) -> Picture | BadPicture | None:
        return self._waiting.pop(0)

    def close(self) -> None: ...


def test_a_fired_camera_takes_a_picture_for_each_trigger_and_tells_those_left_over_apart() -> None:
    import threading  # noqa: PLC0415

    ours, theirs = channel_pair()
    slot_bytes = 1 << 20
    descriptor = create_ring(6, slot_bytes)
    begin = Begin({}, 1, 6, slot_bytes)
    camera = ScriptedCamera()
    worker = Worker(theirs, RingWriter(descriptor, 6, slot_bytes), camera, begin, block=False, live=True, fired=True)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert isinstance(ours.receive(wait=True), Opened)
    for part in ("a", "b"):
        ours.send(Fire(part))
    heard = [ours.receive(wait=True) for _ in range(4)]
    assert [(type(one), getattr(one, "source", None), getattr(one, "part", None)) for one in heard] == [
        (FrameReady, "left over", None),
        (FrameReady, "asked for", "a"),
        (FrameReady, "left over", None),
        (FramesLost, "asked for", "b"),
    ]
    camera.lost = True
    assert "the cable was pulled" in str(ours.receive(wait=True))
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def configuration(tmp_path: Path, bundle: Bundle) -> Configuration:
    for camera, pictures in {"top": (GOOD, GOOD, BAD), "side": (GOOD, BAD)}.items():
        (tmp_path / camera).mkdir()
        for index, picture in enumerate(pictures):
            cv2.imwrite(str(tmp_path / camera / f"{index}.png"), picture)
    cameras = {name: {"source": f"images:{tmp_path / name}", "trigger": "software"} for name in ("top", "side")}
    return Configuration(tmp_path, bundle, cameras)


def parts_of(client: Client, count: int) -> list[PartVerdict]:
    found: list[PartVerdict] = []
    while len(found) < count:
        event = client.receive(20)
        assert event is not None
        if isinstance(event, PartVerdict):
            found.append(event)
    return found


def test_a_part_is_triggered_and_judged_by_the_daemon(configuration: Configuration) -> None:
    with (
        RunningDaemon(configuration) as daemon,
        Client(configuration.verdicts, replay=configuration.replay, since=1) as client,
        Controller(configuration.control, 20) as controller,
    ):
        wait_until(lambda: daemon.log.read_text().count('"running"') == 2, "both cameras deliver", 60)
        accepted = controller.trigger("part 1")
        assert (accepted.part, accepted.cameras) == ("part 1", ("top", "side"))
        assert accepted.deadline_ms == 10_000
        assert parts_of(client, 1)[0].outcome is Outcome.PASS
        with pytest.raises(TriggerRefusedError, match="no camera 'sid'; there are top, side"):
            controller.trigger("part 2", ["sid"])
        command = [sys.executable, "-m", "inspectd.cli", "trigger", "part 2", "--control", configuration.control]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(told.stdout)["part"] == "part 2"
        assert parts_of(client, 1)[0].outcome is Outcome.FAIL
        # The side camera's folder is at its end: the next trigger finds no picture there.
        controller.trigger("part 3", deadline_ms=5000)
        (third,) = parts_of(client, 1)
        assert (third.outcome, third.reason) == (Outcome.FAIL, None)
        assert [frame.reason for frame in third.frames] == [None, Reason.NO_FRAME]
        assert daemon.terminate() == 0
    messages = configuration.verdicts_in_journal()
    assert [message["sequence"] for message in messages] == list(range(1, 10))
    assert [message["part"] for message in messages if message["kind"] == "part"] == ["part 1", "part 2", "part 3"]
    assert {message["part"] for message in messages} == {"part 1", "part 2", "part 3"}


def test_nonsense_on_the_control_socket_is_answered(configuration: Configuration) -> None:
    with RunningDaemon(configuration) as daemon, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 20_000)
        socket.connect(configuration.control)
        for request, told in (
            ([b"{}"], "part: Field required"),
            ([b"nonsense"], "Invalid JSON"),
            ([b'{"request": "stop"}'], "request must be one of trigger, encoder, status, models"),
            ([b'{"request": "encoder"}'], "count: Field required"),
            ([b'{"part": "1", "urgent": true}'], "urgent: Extra inputs are not permitted"),
            ([b'{"part": "1", "deadline_ms": -1}'], "deadline_ms: Input should be greater than 0"),
            ([b"{}", b"{}"], "this one has 2 parts"),
        ):
            socket.send_multipart(request)
            answer = json.loads(socket.recv())
            assert answer["kind"] == "control_error"
            assert told in answer["error"]
        assert daemon.terminate() == 0


def test_a_daemon_that_does_not_answer_is_told() -> None:
    with Controller(f"tcp://127.0.0.1:{free_port()}", 0.1) as controller, pytest.raises(ClientError, match="no answer"):
        controller.trigger("1")


def test_an_impossible_trigger_is_refused_before_it_is_sent() -> None:
    with Controller() as controller, pytest.raises(TriggerRefusedError, match="part: String should have at least 1"):
        controller.trigger("")
