"""GStreamer and Aravis: judged on made-up findings, and read from what this machine has."""

from __future__ import annotations

import sys

import pytest

from inspectd.cameras import introspection
from inspectd.doctor.aravis import judge_aravis, read_aravis
from inspectd.doctor.findings import Finding, Level
from inspectd.doctor.gpu import Graphics
from inspectd.doctor.gstreamer import (
    ABILITIES,
    CARD_DECODERS,
    JETSON_DECODERS,
    SOFTWARE_DECODERS,
    Ability,
    Gstreamer,
    judge_gstreamer,
    read_gstreamer,
)
from inspectd.doctor.machine import Machine
from inspectd.doctor.needs import Needs
from tests.inspectd.doctor.test_gpu import A2000, DEBIAN, JETSON

RTSP = Needs(sources=("rtsp://camera.example/stream",))
EVERYTHING = frozenset(element for ability in (*ABILITIES, SOFTWARE_DECODERS) for element in ability.elements)
ONE_CARD = Graphics((A2000,), "580.65.06", card=True)


def told(
    elements: frozenset[str],
    *,
    graphics: Graphics = Graphics(),  # noqa: B008 - frozen
    machine: Machine = DEBIAN,
    needs: Needs = Needs(),  # noqa: B008 - likewise
) -> list[Finding]:
    return list(judge_gstreamer(Gstreamer("1.22.0", elements=elements), graphics, machine, needs))


def not_ok(findings: list[Finding]) -> list[tuple[Level, str, str]]:
    return [(one.level, one.text, one.way_out) for one in findings if one.level is not Level.OK]


def test_everything_is_there() -> None:
    assert not_ok(told(EVERYTHING, needs=RTSP)) == []


def test_what_a_camera_needs_is_a_problem_and_the_rest_a_note() -> None:
    found = not_ok(told(EVERYTHING - {"rtspsrc", "h264parse", "v4l2src"}, needs=RTSP))
    assert found == [
        (Level.NOTE, "V4L2 cameras: v4l2src not installed", "sudo apt install gstreamer1.0-plugins-good"),
        (
            Level.PROBLEM,
            "RTSP: rtspsrc, h264parse not installed",
            "sudo apt install gstreamer1.0-plugins-good gstreamer1.0-plugins-bad",
        ),
    ]


def test_a_stream_needs_one_way_to_decode_it() -> None:
    without = EVERYTHING - set(SOFTWARE_DECODERS.elements)
    assert [level for level, _, _ in not_ok(told(without, needs=RTSP))] == [Level.PROBLEM]
    by_card = not_ok(told(without | set(CARD_DECODERS.elements), graphics=ONE_CARD, needs=RTSP))
    assert [level for level, _, _ in by_card] == [Level.NOTE]


@pytest.mark.parametrize(
    ("machine", "decoders", "package"),
    [(DEBIAN, CARD_DECODERS, "gstreamer1.0-plugins-bad"), (JETSON, JETSON_DECODERS, "nvidia-l4t-gstreamer")],
)
def test_a_gpu_that_does_not_decode_is_a_note(machine: Machine, decoders: Ability, package: str) -> None:
    (lacks,) = not_ok(told(EVERYTHING, graphics=ONE_CARD, machine=machine))
    assert lacks[0] is Level.NOTE
    assert lacks[2] == f"sudo apt install {package}"
    assert not_ok(told(EVERYTHING | set(decoders.elements), graphics=ONE_CARD, machine=machine)) == []


@pytest.mark.parametrize(
    ("source", "missing", "needed"),
    [
        ("v4l2:/dev/video0", "v4l2src", True),
        ("gst:v4l2src ! queue", "v4l2src", True),
        ("pattern:ball", "videotestsrc", True),
        ("rtsps://camera.example/stream", "rtspsrc", True),
        ("pattern:ball", "rtspsrc", False),
        ("opencv:rtsp://camera.example/stream", "rtspsrc", False),
        ("images:/data/v4l2", "v4l2src", False),
    ],
)
def test_what_is_needed_depends_on_the_camera(source: str, missing: str, needed: bool) -> None:
    ((level, _, _),) = not_ok(told(EVERYTHING - {missing}, needs=Needs(sources=(source,))))
    assert level is (Level.PROBLEM if needed else Level.NOTE)


def test_without_gstreamer_one_command_installs_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(introspection, "DEBIAN_PACKAGES", "/nowhere")
    monkeypatch.setitem(sys.modules, "gi", None)
    gstreamer, aravis = read_gstreamer(), read_aravis()
    (finding,) = judge_gstreamer(gstreamer, Graphics(), DEBIAN, RTSP)
    assert finding.level is Level.PROBLEM
    assert "PyGObject cannot be imported" in finding.text
    assert finding.way_out.startswith("sudo apt install python3-gst-1.0 gstreamer1.0-plugins-base")
    assert [one.level for one in judge_aravis(aravis, Needs())] == [Level.NOTE]
    needs_aravis = Needs(sources=("aravis:Fake_1",))
    assert [one.level for one in judge_aravis(aravis, needs_aravis)] == [Level.PROBLEM]


def test_gstreamer_as_it_is_here() -> None:
    gstreamer = read_gstreamer()
    if gstreamer.complaint:
        pytest.skip(gstreamer.complaint)
    assert gstreamer.version.startswith("1.")
    assert "appsink" in gstreamer.elements
    assert judge_aravis(read_aravis(), Needs())
