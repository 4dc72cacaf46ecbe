"""Capture with real processes: what they announce arrives once and in order, whatever happens to them."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.capture.channel import FramesLost, Message, Opened
from inspectd.capture.process import SHOWN_SLOTS, SLACK_SLOTS, CaptureProcess
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.frames import Frame, LostFrame
from inspectd.settings import CameraSettings, ImagesCamera, OpencvCamera
from inspectd.view.flat_field import FlatField, to_bytes
from inspectd.wire.models import CameraState, CameraStatus, Reason

WAIT_S = 30.0
DOWN = {CameraState.LOST, CameraState.BACKING_OFF, CameraState.STARTING}


def picture(number: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (height, width), np.uint8)


class Sink:
    """Notes what it is told. Keeps the frames until `release` is called, or releases them at once."""

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.frames: list[Frame] = []
        self.pixels: list[NDArray[np.uint8]] = []
        self.order: list[tuple[str, int]] = []
        self.losses: list[LostFrame] = []
        self.shown: list[Frame] = []
        self.seen: list[NDArray[np.uint8]] = []
        self.cameras_lost: list[tuple[str, str]] = []
        self.ends: list[str] = []

    def frame(self, frame: Frame) -> None:
        self.order.append((frame.camera, frame.number))
        self.pixels.append(frame.pixels.copy())
        self.frames.append(frame)
        if not self.keep:
            frame.release()

    def lost(self, lost: LostFrame) -> None:
        self.order.append((lost.camera, lost.number))
        self.losses.append(lost)
        if lost.shown is not None:
            self.seen.append(lost.shown.pixels.copy())
            self.shown.append(lost.shown)
            if not self.keep:
                lost.shown.release()

    def camera_lost(self, camera: str, detail: str) -> None:
        self.cameras_lost.append((camera, detail))

    def ended(self, camera: str) -> None:
        self.ends.append(camera)

    def numbers(self, camera: str) -> list[int]:
        return [number for name, number in list(self.order) if name == camera]


def until(condition: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < limit, f"waited {WAIT_S:.0f} s in vain for: {what}"
        time.sleep(0.01)


def wait_for_frames(sink: Sink, count: int) -> None:
    until(lambda: len(sink.frames) >= count, f"{count} frames")


def wait_for_losses(sink: Sink, count: int) -> None:
    until(lambda: len(sink.cameras_lost) >= count, f"{count} losses of a camera")


def wait_for_start(supervisor: CaptureSupervisor, camera: str, restarts: int) -> None:
    def running() -> bool:
        now = status(supervisor, camera)
        return now.restarts == restarts and now.state is CameraState.RUNNING

    until(running, f"a process of {camera} after {restarts} restarts")


@contextlib.contextmanager
def capturing(sink: Sink, **cameras: CameraSettings) -> Iterator[CaptureSupervisor]:
    supervisor = CaptureSupervisor(cameras, sink)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.close()
        assert supervisor.failure is None


def status(supervisor: CaptureSupervisor, camera: str) -> CameraStatus:
    return next(status for status in supervisor.status() if status.camera == camera)


def capture_process(camera: str) -> psutil.Process | None:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = child.cmdline()
            if child.status() != psutil.STATUS_ZOMBIE and "--camera" in words and camera in words:
                return child
    return None


def running_process(camera: str) -> psutil.Process:
    until(lambda: capture_process(camera), f"a process of {camera}")
    process = capture_process(camera)
    assert process is not None
    return process


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    for number in range(1, 31):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number))
    return folder


def images(source: object, **keys: object) -> ImagesCamera:
    return ImagesCamera.model_validate({"source": f"images:{source}", **keys})


def test_frames_arrive_in_order_and_bit_for_bit(web: Path) -> None:
    sink = Sink()
    before = time.monotonic_ns()
    with capturing(sink, line=images(web)) as supervisor:
        until(lambda: sink.ends, "the end")
        assert status(supervisor, "line").state is CameraState.ENDED
        assert status(supervisor, "line").frames == 30
    assert sink.numbers("line") == list(range(1, 31))
    for number, (frame, pixels) in enumerate(zip(sink.frames, sink.pixels, strict=True), 1):
        np.testing.assert_array_equal(pixels, picture(number))
        assert frame.source == f"{number}.png"
        assert frame.pixel_format is PixelFormat.MONO8
        assert not frame.pixels.flags.writeable
        assert before < frame.captured_monotonic_ns < time.monotonic_ns()
        assert abs(frame.captured_utc_ns - time.time_ns()) < 60e9
    assert sink.cameras_lost == []
    assert sink.losses == []
    assert sink.ends == ["line"]


def test_colour_comes_as_the_file_has_it(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (33, 57, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "x.png"), colour)
    sink = Sink()
    with capturing(sink, line=images(tmp_path)):
        until(lambda: sink.ends, "the end")
    assert sink.frames[0].pixel_format is PixelFormat.BGR8
    np.testing.assert_array_equal(sink.pixels[0], colour)


def test_block_loses_nothing_with_a_slow_consumer_and_frames_do_not_age(web: Path) -> None:
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, queue_frames=1, stall_s=0.2)):
        slots = 1 + SLACK_SLOTS
        wait_for_frames(sink, slots)
        for released in range(30 - slots):
            held = sink.frames[released:]
            assert len(held) == slots
            for frame in held:
                np.testing.assert_array_equal(frame.pixels, picture(frame.number))
            if released == 3:
                time.sleep(1.0)  # far beyond the stall limit: waiting for us is no stall
            let_go = time.monotonic_ns()
            held[0].release()
            wait_for_frames(sink, released + 1 + slots)
            assert sink.frames[-1].captured_monotonic_ns > let_go
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 31))
    assert sink.losses == []
    assert sink.cameras_lost == []


@pytest.mark.parametrize("drop", ["oldest", "newest"])
def test_frames_without_a_buffer_are_lost_one_by_one_as_overrun(web: Path, drop: str) -> None:
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, drop=drop, queue_frames=2)) as supervisor:
        until(lambda: sink.ends, "the end")
        assert status(supervisor, "line").frames == 30
    assert len(sink.frames) == 2 + SLACK_SLOTS + SHOWN_SLOTS
    assert sink.numbers("line") == list(range(1, 31))
    assert {lost.reason for lost in sink.losses} == {Reason.OVERRUN}
    assert len(sink.losses) == 30 - len(sink.frames)
    assert [lost.source for lost in sink.losses] == [f"{lost.number}.png" for lost in sink.losses]


def test_a_bad_picture_is_lost_by_name_and_the_camera_goes_on(web: Path) -> None:
    whole = (web / "5.png").read_bytes()
    (web / "5.png").write_bytes(whole[:-100])
    (web / "6.png").write_bytes(b"garbage")
    sink = Sink()
    with capturing(sink, line=images(web)):
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 31))
    assert [(lost.number, lost.reason, lost.source) for lost in sink.losses] == [
        (5, Reason.BAD_FRAME, "5.png"),
        (6, Reason.BAD_FRAME, "6.png"),
    ]
    assert "5.png" in sink.losses[0].detail


def test_what_a_camera_showed_while_it_was_dark_or_frozen_can_be_seen(web: Path) -> None:
    black = np.zeros((48, 64), np.uint8)
    cv2.imwrite(str(web / "5.png"), black)
    cv2.imwrite(str(web / "9.png"), picture(8))
    sink = Sink()
    with capturing(sink, line=images(web, frozen=True)):
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 31))
    assert [frame.number for frame in sink.frames] == [number for number in range(1, 31) if number not in {5, 9}]
    assert [(lost.number, lost.reason, lost.source) for lost in sink.losses] == [
        (5, Reason.BLANK, "5.png"),
        (9, Reason.FROZEN, "9.png"),
    ]
    assert [shown.number for shown in sink.shown] == [5, 9]
    np.testing.assert_array_equal(sink.seen[0], black)
    np.testing.assert_array_equal(sink.seen[1], picture(8))


def test_what_is_shown_of_a_dark_camera_is_corrected_as_any_frame(web: Path, tmp_path: Path) -> None:
    flat = FlatField(np.full((48, 64), 2.0, np.float32), np.full((48, 64), 1, np.uint8), np.empty((0, 2), np.int32))
    (tmp_path / "flat.npz").write_bytes(to_bytes(flat))
    cv2.imwrite(str(web / "5.png"), np.full((48, 64), 3, np.uint8))
    cv2.imwrite(str(web / "6.png"), picture(6, 40, 64))
    sink = Sink()
    with capturing(sink, line=images(web, flat_field=tmp_path / "flat.npz")):
        until(lambda: sink.ends, "the end")
    assert [(lost.number, lost.reason) for lost in sink.losses] == [(5, Reason.BLANK), (6, Reason.BAD_FRAME)]
    np.testing.assert_array_equal(sink.seen[0], np.full((48, 64), 4, np.uint8))
    np.testing.assert_array_equal(sink.seen[1], picture(6, 40, 64))  # one that it does not fit, as it came


@pytest.mark.parametrize(("queue_frames", "shown"), [(1, 13), (30, SHOWN_SLOTS)])
def test_pictures_for_people_take_no_buffer_from_those_to_be_inspected(
    web: Path, queue_frames: int, shown: int
) -> None:
    for number in range(1, 31):
        cv2.imwrite(str(web / f"{number}.png"), np.zeros((48, 64), np.uint8))
    for number in range(31, 61):
        cv2.imwrite(str(web / f"{number}.png"), picture(number))
    inspected = min(30, queue_frames + SLACK_SLOTS + SHOWN_SLOTS - shown)
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, drop="newest", queue_frames=queue_frames)):
        until(lambda: sink.ends, "the end")
        assert [frame.number for frame in sink.shown] == list(range(1, shown + 1))
        assert [frame.number for frame in sink.frames] == list(range(31, 31 + inspected))
    assert sink.numbers("line") == list(range(1, 61))
    assert [lost.reason for lost in sink.losses] == 30 * [Reason.BLANK] + (30 - inspected) * [Reason.OVERRUN]


def test_a_folder_waits_for_buffers_to_show_what_is_no_picture(web: Path) -> None:
    for number in range(1, 31):
        cv2.imwrite(str(web / f"{number}.png"), np.zeros((48, 64), np.uint8))
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, queue_frames=1)):
        for taken in range(1 + SLACK_SLOTS, 31):
            until(lambda enough=taken: len(sink.shown) == enough, "all that there is room for")  # type: ignore[misc]
            sink.shown[taken - 1 - SLACK_SLOTS].release()
        until(lambda: sink.ends, "the end")
    assert [shown.number for shown in sink.shown] == list(range(1, 31))


def test_a_frame_too_large_is_lost_with_the_way_out(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((1100, 1000), 9, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((1024, 1024), 9, np.uint8))
    sink = Sink()
    with capturing(sink, line=images(tmp_path, max_frame_mb=1)):
        until(lambda: sink.ends, "the end")
    (lost,) = sink.losses
    assert (lost.number, lost.reason) == (1, Reason.BAD_FRAME)
    assert "max_frame_mb" in lost.detail
    assert "2 or more" in lost.detail
    assert [frame.number for frame in sink.frames] == [2]


def test_a_killed_process_is_told_once_and_comes_back_where_it_was(web: Path) -> None:
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, rate_hz=50, loop=True, queue_frames=200)) as supervisor:
        until(lambda: len(sink.frames) >= 5, "frames")
        running_process("line").send_signal(signal.SIGKILL)
        until(lambda: sink.cameras_lost, "the loss")
        before = len(sink.frames)
        until(lambda: len(sink.frames) >= before + 5, "frames again")
        assert status(supervisor, "line").restarts == 1
        assert status(supervisor, "line").state is CameraState.RUNNING
        assert status(supervisor, "line").detail is None
        supervisor.stop_capture()
        for frame in sink.frames:  # of both lives: the first ring is still there
            np.testing.assert_array_equal(frame.pixels, picture((frame.number - 1) % 30 + 1))
            assert frame.source == f"{(frame.number - 1) % 30 + 1}.png"
    assert sink.cameras_lost == [("line", "the capture process was killed by SIGKILL")]
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))


def test_every_kill_is_a_loss_of_its_own(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, rate_hz=50, loop=True)):
        for kill in range(1, 3):
            wait_for_frames(sink, len(sink.frames) + 1)
            running_process("line").kill()
            wait_for_losses(sink, kill)
        assert len(sink.cameras_lost) == 2
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))


def test_a_hung_process_is_killed_and_replaced(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, rate_hz=20, loop=True, stall_s=1.0)) as supervisor:
        until(lambda: len(sink.frames) >= 3, "frames")
        hung = running_process("line")
        hung.send_signal(signal.SIGSTOP)
        until(lambda: sink.cameras_lost, "the stall")
        before = len(sink.frames)
        until(lambda: len(sink.frames) >= before + 3, "frames again")
        assert status(supervisor, "line").state is CameraState.RUNNING
        until(lambda: not hung.is_running(), "the end of the hung process")
    ((camera, detail),) = sink.cameras_lost
    assert camera == "line"
    assert "no frame for" in detail
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))


def endless_picture() -> bytes:
    """A progressive JPEG of 1 MB whose 100,000 scans take the decoder about a minute."""
    flat = np.full((1024, 1024), 128, np.uint8)
    data = bytes(cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + 100_000 * last_scan + data[-2:]


def test_a_picture_that_stalls_the_driver_is_given_up_and_the_camera_goes_on(web: Path) -> None:
    (web / "1.png").write_bytes(endless_picture())
    (web / "4.png").write_bytes(endless_picture())
    sink = Sink()
    with capturing(sink, line=images(web, stall_s=1.0, backoff_max_s=0.5)) as supervisor:
        until(lambda: sink.ends, "the end")
        assert status(supervisor, "line").frames == 30
        assert status(supervisor, "line").restarts == 4
    assert sink.numbers("line") == list(range(1, 31))
    assert [frame.source for frame in sink.frames] == [f"{n}.png" for n in range(1, 31) if n not in {1, 4}]
    assert [(lost.number, lost.reason) for lost in sink.losses] == [(1, Reason.BAD_FRAME), (4, Reason.BAD_FRAME)]
    assert "no frame for 1 s" in sink.losses[0].detail
    assert "stall_s" in sink.losses[0].detail
    assert len(sink.cameras_lost) == 2


def test_a_picture_at_which_the_driver_crashes_twice_is_given_up(web: Path) -> None:
    (web / "2.png").write_bytes(endless_picture())
    sink = Sink()
    with capturing(sink, line=images(web, stall_s=600, backoff_max_s=0.5)) as supervisor:
        for crash in range(2):
            wait_for_frames(sink, 1)
            wait_for_start(supervisor, "line", crash)
            running_process("line").send_signal(signal.SIGSEGV)
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 31))
    (lost,) = sink.losses
    assert (lost.number, lost.reason) == (2, Reason.BAD_FRAME)
    assert "SIGSEGV" in lost.detail


def test_a_picture_that_no_memory_can_hold_is_given_up(web: Path) -> None:
    huge = Path("/dev/shm") / f"{web.parent.name}-{os.getpid()}.png"  # noqa: S108 - holds 2⁶² B, which a disk does not
    try:
        huge.touch()
        os.truncate(huge, 1 << 62)
    except OSError as error:
        pytest.skip(f"no file of 2^62 bytes can be made here: {error}")
    try:
        (web / "3.png").unlink()
        (web / "3.png").symlink_to(huge)
        sink = Sink()
        with capturing(sink, line=images(web, backoff_max_s=0.5)):
            until(lambda: sink.ends, "the end")
    finally:
        huge.unlink()
    assert sink.numbers("line") == list(range(1, 31))
    (lost,) = sink.losses
    assert (lost.number, lost.reason) == (3, Reason.BAD_FRAME)
    assert "MemoryError" in lost.detail


def test_a_single_kill_costs_no_picture(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, rate_hz=0.01, backoff_max_s=0.5)):
        for taken in range(1, 5):  # each process delivers one picture and dies while it waits for the next one's time
            wait_for_frames(sink, taken)
            running_process("line").kill()
            wait_for_losses(sink, taken)
        wait_for_frames(sink, 5)
    assert [frame.source for frame in sink.frames] == [f"{number}.png" for number in range(1, 6)]
    assert sink.losses == []


def test_a_source_that_fails_as_a_whole_gives_up_no_frame(tmp_path: Path) -> None:
    video = tmp_path / "web.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for _ in range(3):
        writer.write(np.zeros((120, 160, 3), np.uint8))
    writer.release()
    data = video.read_bytes()
    start = data.index(b"movi") + 4
    video.write_bytes(data[:start] + bytes(len(data) - start))
    sink = Sink()
    with capturing(sink, line=OpencvCamera(source=f"opencv:{video}", backoff_max_s=0.5)) as supervisor:
        until(lambda: status(supervisor, "line").restarts >= 3, "a fourth try")
    assert "line" in sink.cameras_lost[0][0]
    assert sink.order == []


def test_a_missing_camera_is_told_once_and_leaves_the_others_alone(web: Path, tmp_path: Path) -> None:
    sink = Sink()
    late = tmp_path / "late"
    cameras: dict[str, CameraSettings] = {
        "line": images(web, rate_hz=20, loop=True),
        "gone": OpencvCamera(source="opencv:/dev/video97"),
        "late": images(late),
    }
    with capturing(sink, **cameras) as supervisor:
        until(lambda: status(supervisor, "gone").restarts >= 2, "a second try")
        until(lambda: len(sink.numbers("line")) >= 5, "frames of the good camera")
        assert status(supervisor, "line").state is CameraState.RUNNING
        assert status(supervisor, "line").restarts == 0
        assert status(supervisor, "gone").state in DOWN
        assert "no such device" in (status(supervisor, "gone").detail or "")
        late.mkdir()
        (late / "1.png").write_bytes((web / "1.png").read_bytes())
        until(lambda: "late" in sink.ends, "the camera that came late")
        lost = dict(sink.cameras_lost)
        supervisor.stop_capture()
        assert status(supervisor, "gone").state is CameraState.STOPPED
    assert len(sink.cameras_lost) == 2
    assert "/dev/video97" in lost["gone"]
    assert "no such file or folder" in lost["late"]
    assert sink.numbers("late") == [1]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(tmp_path)):
        until(lambda: sink.cameras_lost, "the loss")
    assert "no picture in this folder" in sink.cameras_lost[0][1]


def test_a_video_file(tmp_path: Path) -> None:
    video = tmp_path / "web.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for number in range(9):
        writer.write(np.full((120, 160, 3), 20 * number, np.uint8))
    writer.release()
    sink = Sink()
    with capturing(sink, line=OpencvCamera(source=f"opencv:{video}", queue_frames=1, blank=False)):
        until(lambda: sink.ends, "the end")
    assert sink.numbers("line") == list(range(1, 10))
    assert [round(float(pixels.mean()) / 20) for pixels in sink.pixels] == list(range(9))
    assert sink.losses == []


class _FiveFrames(BaseHTTPRequestHandler):
    """A network camera that hangs up after five frames."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(5):
            jpeg = bytes(cv2.imencode(".jpg", np.full((120, 160, 3), 40 * number, np.uint8))[1])
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_stream_that_hangs_up_is_a_loss_and_is_taken_up_again() -> None:
    sink = Sink()
    with ThreadingHTTPServer(("127.0.0.1", 0), _FiveFrames) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://user:secret@127.0.0.1:{server.server_port}/line.mjpg"
        with capturing(sink, line=OpencvCamera(source=f"opencv:{url}", blank=False)):
            wait_for_losses(sink, 2)
        server.shutdown()
        serving.join()
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))
    levels = [round(float(pixels.mean()) / 40) for pixels in sink.pixels]
    assert levels[:10] == [*range(5), *range(5)]
    assert "no more frames come" in sink.cameras_lost[0][1]
    assert "secret" not in sink.cameras_lost[0][1]


def test_the_source_which_may_hold_a_password_is_not_in_the_process_list(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, rate_hz=20, loop=True)):
        wait_for_frames(sink, 1)
        assert not any(str(web) in word for word in running_process("line").cmdline())


def test_stop_delivers_what_was_announced_and_takes_no_more(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, loop=True), slow=images(web, rate_hz=0.01, loop=True)) as supervisor:
        until(lambda: len(sink.numbers("line")) >= 50, "frames")
        until(lambda: sink.numbers("slow"), "a frame of the slow camera, which then sleeps")
        supervisor.stop_capture()
        taken = len(sink.order)
        assert [camera.state for camera in supervisor.status()] == [CameraState.STOPPED] * 2
        assert sum(camera.frames for camera in supervisor.status()) == taken
        supervisor.stop_capture()
        time.sleep(0.2)
        assert len(sink.order) == taken
    assert sink.numbers("line") == list(range(1, len(sink.numbers("line")) + 1))
    assert sink.cameras_lost == []
    assert capture_process("line") is None
    assert capture_process("slow") is None


def heard_until_the_end(process: CaptureProcess) -> list[Message]:
    heard: list[Message] = []
    limit = time.monotonic() + WAIT_S
    while time.monotonic() < limit:
        try:
            message = process.receive()
        except BlockingIOError:
            time.sleep(0.001)
            continue
        if message is None:
            return heard
        heard.append(message)
    raise AssertionError(f"the capture process did not end within {WAIT_S:.0f} s")


def test_stop_tells_of_the_lost_frames_that_were_still_counted_together(web: Path) -> None:
    process = CaptureProcess("line", images(web / "1.png", loop=True, drop="newest", queue_frames=1), 1)
    try:
        # Nobody listens: the channel fills, and from then on lost frames are counted into one range.
        reads = psutil.Process(process.pid).io_counters
        until(lambda: reads().read_count > 20_000, "thousands of pictures read")
        process.request_stop()
        opened, *frames = heard_until_the_end(process)
        process.wait(WAIT_S)
        assert process.exited()
        assert "code 0" in process.epitaph()
    finally:
        process.kill()
        process.close()
    assert opened == Opened()
    lost = [message for message in frames if isinstance(message, FramesLost)]
    assert len(frames) - len(lost) == 1 + SLACK_SLOTS + SHOWN_SLOTS
    assert lost[0].first == 2 + SLACK_SLOTS + SHOWN_SLOTS
    assert all(one.first + one.count == other.first for one, other in pairwise(lost))
    assert lost[-1].count > 1000


def test_a_slow_sink_does_not_get_the_process_killed_before_it_has_told_all(web: Path) -> None:
    class Slow(Sink):
        def lost(self, lost: LostFrame) -> None:
            super().lost(lost)
            time.sleep(0.02)

    sink = Slow(keep=True)
    with capturing(sink, line=images(web, loop=True, drop="newest")) as supervisor, ThreadPoolExecutor() as pool:
        until(lambda: len(sink.losses) >= 10, "lost frames")
        process = running_process("line").pid
        end = pool.submit(os.waitid, os.P_PID, process, os.WEXITED | os.WNOWAIT)  # looks, and leaves it to be reaped
        supervisor.stop_capture()
        assert status(supervisor, "line").state is CameraState.STOPPED
        assert status(supervisor, "line").frames == len(sink.order)
        how = end.result(WAIT_S)
        assert how is not None
        assert (how.si_code, how.si_status) == (os.CLD_EXITED, 0)
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))
    assert sink.cameras_lost == []


def test_frames_are_released_from_many_threads(web: Path) -> None:
    sink = Sink(keep=True)
    with capturing(sink, line=images(web, loop=True, queue_frames=1)):
        stop = threading.Event()

        def release_all() -> None:
            while not stop.is_set():
                for frame in list(sink.frames):
                    frame.release()

        threads = [threading.Thread(target=release_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(sink.frames) >= 300, "frames")
        stop.set()
        for thread in threads:
            thread.join()
    assert sink.numbers("line") == list(range(1, len(sink.order) + 1))


def resources() -> tuple[int, int, int, int]:
    gc.collect()
    return (
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
        len(psutil.Process().children(recursive=True)),
        Path("/proc/self/maps").read_text().count("inspectd-ring"),
    )


def test_nothing_is_left_after_close(web: Path) -> None:
    before = resources()
    sink = Sink(keep=True)
    cameras: dict[str, CameraSettings] = {
        "line": images(web, rate_hz=50, loop=True),
        "full": images(web),
        "gone": images("/none"),
    }
    with capturing(sink, **cameras):
        until(lambda: len(sink.numbers("line")) >= 3, "frames")
        running_process("line").kill()
        until(lambda: any(camera == "line" for camera, _ in sink.cameras_lost), "the loss")
        count = len(sink.numbers("line"))
        until(lambda: len(sink.numbers("line")) > count, "frames again")
    assert resources()[1:3] == before[1:3]
    np.testing.assert_array_equal(sink.frames[0].pixels, sink.pixels[0])  # held beyond the end, and still whole
    for frame in sink.frames:
        frame.release()
    sink.frames.clear()
    del frame
    assert resources() == before


def test_close_without_start_and_twice() -> None:
    before = resources()
    supervisor = CaptureSupervisor({"line": images("/none")}, Sink())
    supervisor.stop_capture()
    assert status(supervisor, "line").state is CameraState.STOPPED
    supervisor.close()
    supervisor.close()
    supervisor.stop_capture()
    del supervisor
    assert resources() == before


def test_a_fault_in_the_sink_is_not_swallowed(web: Path) -> None:
    class Broken(Sink):
        def frame(self, frame: Frame) -> None:  # noqa: ARG002 - fails before it looks
            raise ZeroDivisionError

    supervisor = CaptureSupervisor({"line": images(web)}, Broken())
    supervisor.start()
    until(lambda: supervisor.failure, "the failure")
    supervisor.close()
    assert isinstance(supervisor.failure, ZeroDivisionError)
    assert capture_process("line") is None
    assert status(supervisor, "line").state is CameraState.STOPPED
    assert "ZeroDivisionError" in (status(supervisor, "line").detail or "")


_DAEMON = """
import sys, time
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.settings import ImagesCamera
class Sink:
    def frame(self, frame): print("frame", flush=True)
    def lost(self, lost): pass
    def camera_lost(self, camera, detail): pass
    def ended(self, camera): pass
CaptureSupervisor({"orphan": ImagesCamera(source="images:" + sys.argv[1], loop=True)}, Sink()).start()
time.sleep(600)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_capture_process_dies_with_the_daemon(web: Path, stopped: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", _DAEMON, str(web)], stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        while daemon.stdout.readline() != b"frame\n":
            assert daemon.poll() is None
        (orphan,) = psutil.Process(daemon.pid).children()
        if stopped:
            orphan.send_signal(signal.SIGSTOP)
        daemon.kill()
        daemon.wait()
        orphan.wait(timeout=WAIT_S)


def test_interrupts_and_terminations_are_left_to_the_daemon(web: Path) -> None:
    sink = Sink()
    with capturing(sink, line=images(web, rate_hz=50, loop=True)) as supervisor:
        until(lambda: sink.frames, "a frame")
        running_process("line").send_signal(signal.SIGINT)
        running_process("line").send_signal(signal.SIGTERM)
        before = len(sink.frames)
        until(lambda: len(sink.frames) > before + 5, "more frames")
        assert status(supervisor, "line").restarts == 0


def test_the_capture_process_loads_neither_engine_nor_training() -> None:
    code = "import sys, inspectd.capture.worker; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(told.stdout.split())
    assert "inspectd.cameras.images" in loaded
    assert not loaded & {
        "onnxruntime",
        "torch",
        "timm",
        "sklearn",
        "skimage",
        "scipy",
        "zmq",
        "PIL",
        "inspectd.wire.models",
    }
