"""GStreamer cameras under the real supervisor and in the real daemon: loss, return, hanging, ends."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.cameras.gst.runtime import Runtime
from inspectd.cameras.introspection import load
from inspectd.check import check
from inspectd.errors import CameraError
from inspectd.settings import CameraSettings
from inspectd.wire.models import CameraState, Reason
from tests.daemons import Configuration, RunningDaemon, free_port
from tests.inspectd.test_capture_supervisor import Sink, capturing, running_process, status, until, wait_for_frames

pytestmark = pytest.mark.usefixtures("gstreamer")

SOLID_BGR = (20, 60, 200)


def settings(source: str, **keys: object) -> CameraSettings:
    return TypeAdapter[CameraSettings](CameraSettings).validate_python({"source": source, **keys})


@contextlib.contextmanager
def rtsp_server(port: int, codec: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.inspectd.gst.rtsp_server", str(port), codec]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield server
        finally:
            server.kill()


@pytest.fixture
def rtsp(gstreamer: Runtime) -> None:
    try:
        load("GstRtspServer", "1.0")
    except CameraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("codec", "transport"), [("h264", "tcp"), ("h264", "udp"), ("h265", "tcp")])
def test_a_network_camera_that_was_pulled_comes_back_as_it_was(rtsp: None, codec: str, transport: str) -> None:
    sink, port = Sink(), free_port()
    url = f"rtsp://operator:secret@127.0.0.1:{port}/line"
    camera = settings(url, transport=transport, stall_s=2, backoff_max_s=0.5)
    with capturing(sink, line=camera) as supervisor:
        with rtsp_server(port, codec):
            wait_for_frames(sink, 10)
        until(lambda: sink.cameras_lost, "the loss")
        before = len(sink.frames)
        with rtsp_server(port, codec):
            wait_for_frames(sink, before + 10)
            assert status(supervisor, "line").state is CameraState.RUNNING
            supervisor.stop_capture()
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))
    assert {lost.reason for lost in sink.losses} <= {Reason.OVERRUN}  # on a busy machine
    assert len(sink.cameras_lost) == 1
    assert "secret" not in sink.cameras_lost[0][1]
    for frame, pixels in zip(sink.frames, sink.pixels, strict=True):
        assert frame.pixel_format is PixelFormat.BGR8
        assert pixels.shape == (144, 176, 3)
        assert np.abs(pixels.mean((0, 1)) - SOLID_BGR).max() < 8
    stamps = [frame.captured_monotonic_ns for frame in sink.frames]
    assert all(earlier < later for earlier, later in pairwise(stamps))


@contextlib.contextmanager
def five_frames_then_silence() -> Iterator[int]:
    """A server of raw pictures that keeps each connection but says no more; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening, contextlib.ExitStack() as held:

        def serve() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    connection = held.enter_context(listening.accept()[0])
                    connection.sendall(b"".join(bytes([level]) * 64 * 48 for level in range(1, 6)))

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def test_a_pipeline_that_hangs_is_replaced() -> None:
    sink = Sink()
    with five_frames_then_silence() as port:
        text = (
            f"gst:tcpclientsrc host=127.0.0.1 port={port} do-timestamp=true "
            "! rawvideoparse format=gray8 width=64 height=48"
        )
        with capturing(sink, line=settings(text, stall_s=1, backoff_max_s=0.5)) as supervisor:
            until(lambda: len(sink.cameras_lost) >= 2, "two losses")
            until(lambda: len(sink.order) >= 10, "ten pictures of two lives")
            assert status(supervisor, "line").restarts >= 1
    assert "no frame for 1 s" in sink.cameras_lost[0][1]
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))
    whole = [pixels.shape for pixels in sink.pixels]
    assert whole == [(48, 64)] * len(whole)


def test_a_pipeline_that_is_wrong_is_told_once_and_leaves_the_others_alone() -> None:
    sink = Sink()
    cameras = {
        "wrong": settings("gst:videotestsrc ! nosuchthing", backoff_max_s=0.5),
        "line": settings("pattern:ball", width=64, height=48),
    }
    with capturing(sink, **cameras) as supervisor:
        until(lambda: status(supervisor, "wrong").restarts >= 2, "a third try")
        wait_for_frames(sink, 10)
        assert status(supervisor, "line").restarts == 0
    ((camera, detail),) = sink.cameras_lost
    assert camera == "wrong"
    assert "no element 'nosuchthing'" in detail


def test_a_recording_through_a_killed_process_shows_each_picture_once() -> None:
    text = "gst:videotestsrc num-buffers=60 pattern=ball animation-mode=frames ! video/x-raw,width=64,height=48"
    sink = Sink(keep=True)
    with capturing(sink, line=settings(text, live=False, queue_frames=1, backoff_max_s=0.5)):
        wait_for_frames(sink, 5)  # it waits: every slot is taken
        running_process("line").kill()
        until(lambda: sink.cameras_lost, "the loss")
        sink.keep = False
        for frame in list(sink.frames):
            frame.release()
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 61))
    assert sink.losses == []
    assert len({pixels.tobytes() for pixels in sink.pixels}) == 60


def test_every_picture_of_a_pipeline_has_its_verdict(bundle: Bundle, tmp_path: Path) -> None:
    text = "gst:videotestsrc num-buffers=20 ! video/x-raw,width=141,height=100"
    configuration = Configuration(tmp_path, bundle, {"line": {"source": text, "live": False}})
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    verdicts = configuration.verdicts_in_journal()
    assert [verdict["frame"] for verdict in verdicts] == list(range(1, 21))
    assert {verdict["outcome"] for verdict in verdicts} <= {"PASS", "FAIL"}


def test_check_builds_pipelines_and_starts_none(bundle: Bundle, tmp_path: Path) -> None:
    cameras = {
        "sound": {"source": "gst:videotestsrc ! video/x-raw,format=GRAY8"},
        "misspelt": {"source": "gst:videotestsrk"},
        "absent": {"source": "v4l2:/dev/video97"},
        "net": {"source": "rtsp://operator:secret@192.0.2.1/line"},
    }
    checked = check(Configuration(tmp_path, bundle, cameras).path)
    problems, notes = "\n".join(checked.problems), "\n".join(checked.notes)
    assert "cameras.misspelt.source = 'gst:videotestsrk': GStreamer has no element 'videotestsrk'" in problems
    assert "cameras.absent.source = 'v4l2:/dev/video97': no such device" in problems
    assert len(checked.problems) == 2
    assert "cameras.net.source = 'rtsp://192.0.2.1/line': a stream is not opened by this check" in notes
