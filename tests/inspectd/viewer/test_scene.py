"""What the page is told: bounded, and the truth."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inspectd.client import Gap, JournalReplaced, Map, Picture, Silence
from inspectd.viewer.album import MAPS_AHEAD, RECENT, REMARKABLE, Name
from inspectd.viewer.condition import Level, Signs, condition
from inspectd.viewer.rates import Rates
from inspectd.viewer.roll import LENGTH_MM, Roll
from inspectd.viewer.scene import ENTRIES, Scene
from inspectd.wire.models import (
    CameraDrift,
    CameraState,
    CameraStatus,
    DaemonState,
    DriftLevel,
    Heartbeat,
    MapHeader,
    Outcome,
    PictureHeader,
    Reason,
    Verdict,
)
from tests.inspectd.publishing import REGION, draft
from tools.docs.examples import HEARTBEAT

ORIGIN: dict[str, Any] = {"publisher": "line-3", "boot": "b", "journal": "j"}
BEAT = HEARTBEAT.model_copy(
    update={"cameras": (CameraStatus(camera="web", state=CameraState.RUNNING, frames=7, restarts=0),)}
)


def verdict(sequence: int, outcome: Outcome = Outcome.PASS, **changes: Any) -> Verdict:
    if outcome is Outcome.ERROR:
        changes = {"reason": Reason.DEADLINE, **changes}
    return draft(sequence, outcome=outcome, **changes).numbered("line-3", "b", "j", sequence)


def picture(sequence: int, outcome: Outcome = Outcome.PASS) -> Picture:
    header = PictureHeader(
        **ORIGIN, sequence=sequence, camera="web", frame=sequence, outcome=outcome, width=320, height=240,
        frame_width=640, frame_height=480,
    )  # fmt: skip
    return Picture(header, b"jpeg")


def distance_map(sequence: int) -> Map:
    header = MapHeader(
        **ORIGIN, sequence=sequence, camera="web", frame=sequence, encoding="float16", rows=2, columns=3, cell=8,
        threshold=1.0, full_scale=2.0,
    )  # fmt: skip
    return Map(header, np.array([[0, 0.5, 1], [1, 2, 3]], np.float32))


@pytest.fixture
def scene() -> Scene:
    return Scene("tcp://127.0.0.1:1")


def camera_of(scene: Scene) -> dict[str, Any]:
    told: dict[str, Any] = scene.since(0)["cameras"][0]
    return told


def test_only_what_is_new_is_told(scene: Scene) -> None:
    scene.take(verdict(1))
    first = scene.since(0)
    scene.take(verdict(2, Outcome.FAIL))
    second = scene.since(first["at"])
    assert [said["sequence"] for said in first["verdicts"]] == [1]
    assert [(said["sequence"], said["outcome"]) for said in second["verdicts"]] == [(2, "FAIL")]
    assert scene.since(second["at"])["verdicts"] == []


def test_it_stays_bounded_whatever_comes(scene: Scene) -> None:
    for number in range(1, 3 * ENTRIES):
        scene.take(verdict(number, Outcome.FAIL))
        scene.take(picture(number, Outcome.FAIL))
        scene.take(distance_map(number))
    kept = [number for number in range(1, 3 * ENTRIES) if scene.shown("web", Name("b", number))]
    assert len(kept) == REMARKABLE
    assert len(scene.since(0)["verdicts"]) == ENTRIES
    assert scene.verdict(1) is None
    assert scene.verdict(3 * ENTRIES - 1) is not None


@pytest.mark.parametrize("map_first", [True, False])
def test_a_map_finds_its_picture(scene: Scene, map_first: bool) -> None:
    events: list[Map | Picture] = [distance_map(1), picture(1)]
    for event in events if map_first else reversed(events):
        scene.take(event)
    shown = scene.shown("web", Name("b", 1))
    assert shown is not None
    assert shown.heat is not None
    assert shown.heat.png.startswith(b"\x89PNG")


@pytest.mark.parametrize(("highest", "drawn"), [(0.5, False), (0.7, True)])
def test_a_map_that_is_quiet_all_over_need_not_be_fetched(scene: Scene, highest: float, drawn: bool) -> None:
    scene.take(replace(distance_map(1), distance=np.full((2, 3), highest, np.float32)))
    scene.take(picture(1))
    scene.take(verdict(1))
    assert camera_of(scene)["shown"] == {"sequence": 1, "heat": drawn}


def test_maps_without_pictures_do_not_pile_up(scene: Scene) -> None:
    for number in range(1, 100):
        scene.take(distance_map(number))
    scene.take(picture(99 - MAPS_AHEAD))
    scene.take(picture(99))
    for number, there in ((99 - MAPS_AHEAD, False), (99, True)):
        shown = scene.shown("web", Name("b", number))
        assert shown is not None
        assert (shown.heat is not None) is there


def test_a_picture_is_shown_once_its_verdict_is_known(scene: Scene) -> None:
    scene.take(BEAT)
    scene.take(verdict(1))
    scene.take(picture(1))
    scene.take(picture(2))
    assert camera_of(scene)["shown"] == {"sequence": 1, "heat": False}
    scene.take(verdict(2))
    assert camera_of(scene)["shown"]["sequence"] == 2


def test_defects_are_kept_longer(scene: Scene) -> None:
    scene.take(verdict(1, Outcome.FAIL))
    scene.take(picture(1, Outcome.FAIL))
    for number in range(2, 2 * RECENT):
        scene.take(verdict(number))
        scene.take(picture(number))
    assert scene.shown("web", Name("b", 2)) is None
    assert scene.shown("web", Name("b", 1)) is not None
    assert [picture["sequence"] for picture in camera_of(scene)["kept"]] == [1]


def test_numbers_that_began_anew_name_other_pictures(scene: Scene) -> None:
    scene.take(verdict(1, Outcome.FAIL))
    scene.take(picture(1, Outcome.FAIL))
    at = scene.since(0)["at"]
    assert not scene.since(at)["whole"]
    scene.take(JournalReplaced("k", expected=2, found=1))
    scene.take(verdict(1).model_copy(update={"boot": "c", "journal": "k"}))
    scene.take(picture(1, Outcome.FAIL))  # late, of the one before
    told = scene.since(at)
    assert told["whole"]  # a page forgets what it has
    assert [(said["boot"], said["sequence"]) for said in told["verdicts"]] == [("c", 1)]
    assert camera_of(scene)["shown"] is None
    scene.take(Picture(picture(1).header.model_copy(update={"boot": "c", "journal": "k"}), b"another"))
    assert camera_of(scene)["shown"]["sequence"] == 1
    shown = scene.shown("web", Name("c", 1))
    assert shown is not None
    assert shown.picture.jpeg == b"another"
    assert not scene.since(told["at"])["whole"]


def test_what_was_missed_is_counted(scene: Scene) -> None:
    scene.take(Gap(3, 12, "no replay address was given"))
    assert scene.since(0)["line"]["missing"] == 10


def test_a_camera_that_has_fallen_silent_is_told(scene: Scene) -> None:
    scene.take(BEAT)
    scene.remember([verdict(1)])
    assert camera_of(scene)["quiet_s"] is None  # nobody knows: it was said before the viewer began
    scene.take(verdict(2))
    time.sleep(0.15)
    scene.take(BEAT)
    assert camera_of(scene)["quiet_s"] >= 0.1


def test_a_picture_of_before_the_viewer_began_grows_old_too(scene: Scene) -> None:
    scene.take(BEAT)
    scene.remember([verdict(1)])
    scene.take(picture(1))
    assert camera_of(scene)["shown"]["sequence"] == 1
    assert camera_of(scene)["quiet_s"] >= 0


def test_silence_does_not_hide_why_nobody_lets_us_in(scene: Scene) -> None:
    scene.cannot_listen("the daemon does not let this client in")
    scene.take(Silence(5.0))
    assert scene.since(0)["line"]["condition"]["headline"] == "Cannot listen"
    scene.take(BEAT)
    assert scene.since(0)["line"]["condition"]["headline"] != "Cannot listen"


def test_rates_are_of_the_last_seconds() -> None:
    rates = Rates()
    for tenth in range(1000):
        rates.count(Outcome.FAIL if tenth % 10 == 0 else Outcome.PASS, 5.0 + tenth / 10)
    told = rates.rate(105.0)
    assert told.frames_hz == pytest.approx(10.0)
    assert told.failed == pytest.approx(0.1)
    assert told.errors == 0.0
    assert rates.rate(200.0).frames_hz == 0.0


# How the line is


def level(beat: Heartbeat | None = BEAT, silent_s: float | None = 0.2, **signs: Any) -> tuple[Level, str]:
    said = condition(
        Signs("tcp://127.0.0.1:1", silent_s, **{"problem": None, "beat": beat, "error": None, "error_s": 0.0, **signs})
    )
    return said.level, said.headline


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DaemonState.INSPECTING, (Level.OK, "Inspecting")),
        (DaemonState.STARTING, (Level.WARNING, "Starting")),
        (DaemonState.DRAINING, (Level.WARNING, "Draining")),
        (DaemonState.JOURNAL_FAILING, (Level.ALARM, "Journal failing")),
        (DaemonState.STOPPED, (Level.ALARM, "Stopped")),
    ],
)
def test_the_daemon_s_state_is_told(state: DaemonState, expected: tuple[Level, str]) -> None:
    assert level(BEAT.model_copy(update={"state": state})) == expected


def test_silence_is_an_alarm_whatever_was_said_last() -> None:
    assert level(silent_s=3.0) == (Level.ALARM, "Nothing heard")
    assert level(beat=None, silent_s=None) == (Level.ALARM, "Nothing heard yet")
    assert level(problem="the daemon speaks version 2 of the wire") == (Level.ALARM, "Cannot listen")


def test_an_error_is_an_alarm_for_a_while() -> None:
    said = verdict(1, Outcome.ERROR)
    assert level(error=said, error_s=1.0) == (Level.ALARM, "ERROR deadline")
    assert level(error=said, error_s=60.0) == (Level.OK, "Inspecting")


def test_a_lost_camera_is_a_warning() -> None:
    assert level(HEARTBEAT) == (Level.WARNING, "Camera web: backing off")


def test_a_camera_that_drifts_is_a_warning() -> None:
    drift = CameraDrift(level=DriftLevel.WARNING, detail="scores are 18 % higher", scores=0.18, false_rejects=0.05)
    camera = BEAT.cameras[0].model_copy(update={"drift": drift})
    assert level(BEAT.model_copy(update={"cameras": (camera,)})) == (Level.WARNING, "Camera web drifts")


def test_an_error_of_long_ago_is_no_alarm(scene: Scene) -> None:
    scene.remember([verdict(1, Outcome.ERROR)])
    scene.take(BEAT)
    assert scene.since(0)["line"]["condition"]["level"] == "ok"


# The web


def on_web(sequence: int, along: float, *ids: int, joins: tuple[int, ...] = ()) -> Verdict:
    regions = tuple(
        REGION.model_copy(update={"id": number, "along_mm": along + 4.0, "across_mm": 2.0, "joins": joins})
        for number in ids
    )
    outcome = Outcome.FAIL if regions else Outcome.PASS
    return verdict(sequence, outcome, regions=regions, along_mm=along, across_mm=0.0, mm_per_px=0.25)


def test_a_defect_over_two_frames_is_one() -> None:
    roll = Roll()
    assert roll.add(on_web(1, 0.0, 7))
    assert roll.add(on_web(2, 100.0, 7))
    assert not roll.add(on_web(3, 200.0))
    (spot,) = roll.spots()
    assert (spot["begin"], spot["end"]) == (4.0, 104.0 + REGION.height * 0.25)
    assert roll.told() == {"begin": 0.0, "end": 320.0, "left": 0.0, "right": 160.0}


def test_defects_that_join_become_one() -> None:
    roll = Roll()
    roll.add(on_web(1, 0.0, 7, 8))
    roll.add(on_web(2, 100.0, 7, joins=(8,)))
    assert [spot["id"] for spot in roll.spots()] == [7]


def test_what_is_far_behind_is_forgotten() -> None:
    roll = Roll()
    roll.add(on_web(1, 0.0, 7))
    roll.add(on_web(2, LENGTH_MM + 500, 8))
    assert [spot["id"] for spot in roll.spots()] == [8]


def test_a_new_roll_begins_anew() -> None:
    roll = Roll()
    roll.add(on_web(1, 50_000.0, 7))
    roll.add(on_web(2, 0.0, 8))
    assert [spot["id"] for spot in roll.spots()] == [8]


def test_a_camera_without_a_web_has_no_roll(scene: Scene) -> None:
    scene.take(BEAT)
    scene.take(verdict(1))
    assert camera_of(scene)["roll"] is None


def test_time_goes_by_while_nothing_comes(scene: Scene) -> None:
    scene.take(BEAT)
    time.sleep(0.15)
    assert scene.since(0)["line"]["silent_s"] >= 0.1
