"""One camera's life: the process that captures from it now, and what that announces, handed to the pipeline.

Its `CameraState`:

    STARTING ──opened──▶ RUNNING ──no frame──▶ STALLED
       │ ▲                 │   │                  │
       │ └──pause over──┐  │   └─source ended─▶ ENDED
       ▼                │  ▼                      ▼
      LOST ◀────────────┼──process gone ◀──────killed
       └────────▶ BACKING_OFF            any but ENDED ──stop──▶ STOPPED

Every state changes on the intake thread. All times are CLOCK_MONOTONIC.

Files are taken up where they were left, so that one picture on which the driver hangs or crashes would hold its camera
for good. When two processes in a row have died at the same picture, it is given up, as a lost frame, and the next
process goes on after it. One death proves nothing: it may have come from elsewhere.
"""

from __future__ import annotations

import math
import selectors
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

import structlog

from inspectd.cameras.build import is_live, open_limit_s, stall_limit_s, trigger_mode
from inspectd.capture.backoff import Backoff
from inspectd.capture.channel import Ended, Failed, FrameReady, FramesLost, Message, Opened
from inspectd.capture.content import Fault
from inspectd.capture.process import CaptureProcess
from inspectd.errors import CameraError
from inspectd.frames import Frame, LostFrame
from inspectd.settings import CameraSettings, TriggerMode
from inspectd.wire.models import CameraState, CameraStatus, Reason

START_LIMIT_S: Final = 20.0
"""For a capture process to come up on a busy machine, before its camera's own time to open begins."""
GRACE_S: Final = 0.5
"""For a process that is to end to do so by itself; then it is killed."""
KILL_WAIT_S: Final = 2.0
"""For the kernel to end a killed process; one that hangs in a driver's system call is then left behind."""
HEALTHY_S: Final = 10.0
"""For a camera that delivered this long the pauses between tries begin anew."""
_BURST: Final = 64
"""Messages taken of one camera before the others have their turn."""

_LEGAL: Final[Mapping[CameraState | None, frozenset[CameraState]]] = {
    None: frozenset({CameraState.STARTING, CameraState.STOPPED}),
    CameraState.STARTING: frozenset({CameraState.RUNNING, CameraState.LOST, CameraState.STOPPED}),
    CameraState.RUNNING: frozenset({CameraState.STALLED, CameraState.LOST, CameraState.ENDED, CameraState.STOPPED}),
    CameraState.STALLED: frozenset({CameraState.LOST, CameraState.ENDED, CameraState.STOPPED}),
    CameraState.LOST: frozenset({CameraState.BACKING_OFF, CameraState.STOPPED}),
    CameraState.BACKING_OFF: frozenset({CameraState.STARTING, CameraState.STOPPED}),
    CameraState.ENDED: frozenset(),
    CameraState.STOPPED: frozenset(),
}

_DELIVERING: Final = frozenset({CameraState.RUNNING, CameraState.STALLED})
_FINAL: Final = frozenset({CameraState.ENDED, CameraState.STOPPED})
_TROUBLE: Final = frozenset({CameraState.STALLED, CameraState.LOST})

_log = structlog.get_logger(__name__)


class FrameSink(Protocol):
    """What the pipeline offers capture. Called on the intake thread, which serves every camera: it must not wait."""

    def frame(self, frame: Frame) -> None:
        """A frame was taken; the sink owns it and releases it."""

    def lost(self, lost: LostFrame) -> None:
        """A frame was taken but cannot be inspected; the sink owns what is `shown` of it and releases that."""

    def camera_lost(self, camera: str, detail: str) -> None:
        """A camera died, hung or could not be opened; told once until it delivers again."""

    def ended(self, camera: str) -> None:
        """A source has given its last frame."""


class SupervisedCamera:
    """One camera: its state, and the process that captures from it now. All but `status` is for the intake thread."""

    def __init__(self, name: str, settings: CameraSettings, sink: FrameSink, selector: selectors.BaseSelector) -> None:
        self._name = name
        self._settings = settings
        self._sink = sink
        self._selector = selector
        self._backoff = Backoff(settings.backoff_max_s)
        self._lock = threading.Lock()
        self._state: CameraState | None = None
        self._detail: str | None = None
        self._process: CaptureProcess | None = None
        self._starts = 0
        self._taken = 0
        self._died_at = 0
        self._reading_file = False
        self._told = False
        self._stopping = False
        self._opens_until = math.inf
        self._retry_at = math.inf
        self._heard_at = 0.0
        self._running_since = math.inf
        self._fault: str | None = None
        self._deaf = False
        self._kill_at = math.inf
        self._abandon_at = math.inf
        self._fired = trigger_mode(settings) is TriggerMode.SOFTWARE
        self._fires: dict[str, float] = {}

    def status(self) -> CameraStatus:
        """For the heartbeat; any thread."""
        with self._lock:
            return CameraStatus(
                camera=self._name,
                state=self._state or CameraState.STARTING,
                detail=self._detail,
                frames=self._taken,
                restarts=max(0, self._starts - 1),
            )

    def fire(self, part: str) -> str | None:
        """Have it take a frame for a part, if that is how it is triggered; any thread. Why it cannot, in words."""
        process = self._process
        with self._lock:
            if self._state is not CameraState.RUNNING or process is None:
                return f"the camera is {self._state or CameraState.STARTING}" + (
                    f": {self._detail}" if self._detail else ""
                )
            if self._fired:
                self._fires[part] = time.monotonic()
        if self._fired:
            process.fire(part)
        return None

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return self._process is None and self._state in _FINAL

    def start(self) -> None:
        """Start a capture process."""
        self._move(CameraState.STARTING, self._detail)
        self._starts += 1
        self._fault, self._deaf, self._running_since, self._reading_file = None, False, math.inf, False
        with self._lock:
            self._fires.clear()
        try:
            process = CaptureProcess(self._name, self._settings, self._taken + 1)
        except OSError as error:
            self._lose(f"no capture process can be started: {error.strerror or error}")
            return
        self._process = process
        self._opens_until = time.monotonic() + START_LIMIT_S + open_limit_s(self._settings)
        self._watch(process.channel, process, self._on_channel)
        self._watch(process.exit, process, self._on_exit)
        self._watch(process.stderr, process, self._on_stderr)

    def stop(self) -> None:
        """Take no more frames; what was announced is still delivered."""
        if self._stopping:
            return
        self._stopping = True
        if self._process is not None:
            self._process.request_stop()
            self._kill_at = min(self._kill_at, time.monotonic() + GRACE_S)
        elif self._state not in _FINAL:
            self._move(CameraState.STOPPED)

    def tick(self) -> None:
        """Do what time demands."""
        now = time.monotonic()
        if self._process is None:
            if self._state is CameraState.BACKING_OFF and now >= self._retry_at:
                self.start()
            return
        self._process.flush()
        if self._fault is None and not self._stopping:
            self._check_limits(self._process, now)
        if now >= self._kill_at:
            self._process.kill()
            self._kill_at, self._abandon_at = math.inf, now + KILL_WAIT_S
        if now >= self._abandon_at:
            self._bury(self._process)

    def kill(self) -> None:
        """End the process, whatever it does; the intake thread, or `abandon`, sees to the rest."""
        if self._process is not None:
            self._process.kill()

    def abandon(self, detail: str) -> None:
        """Kill the process and let go of it, where the intake thread has failed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(KILL_WAIT_S)
            self._process.close()
            self._process = None
        if self._state not in _FINAL:
            self._move(CameraState.STOPPED, detail)

    def _check_limits(self, process: CaptureProcess, now: float) -> None:
        if self._state is CameraState.STARTING and now >= self._opens_until:
            self._condemn(f"the camera did not open within {open_limit_s(self._settings):.0f} s; its driver hangs")
        elif self._state is CameraState.RUNNING and not process.waits_for_slot():
            limit = stall_limit_s(self._settings)
            if now - max(self._awaited_since(now), process.freed_at) >= limit:
                detail = f"no frame for {limit:g} s; its capture process is replaced"
                self._move(CameraState.STALLED, detail)
                self._condemn(detail)

    def _awaited_since(self, now: float) -> float:
        """Since when the next frame is due, s: a camera that is fired owes none until it is."""
        if not self._fired:
            return self._heard_at
        with self._lock:
            return min(self._fires.values(), default=now)

    def _condemn(self, fault: str) -> None:
        """The process is to be killed now."""
        self._fault = fault
        self._kill_at = 0.0

    def _watch(self, descriptor: int, process: CaptureProcess, react: Callable[[CaptureProcess], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, partial(self._react, process, react))

    def _react(self, process: CaptureProcess, react: Callable[[CaptureProcess], None]) -> None:
        if process is self._process:  # it may have been buried by an event just before this one
            react(process)

    def _on_channel(self, process: CaptureProcess) -> None:
        for _ in range(_BURST):
            if not self._hear(process):
                return

    def _on_exit(self, process: CaptureProcess) -> None:
        if process.exited():
            self._bury(process)

    def _on_stderr(self, process: CaptureProcess) -> None:
        if not process.listen_to_stderr():
            self._selector.unregister(process.stderr)

    def _hear(self, process: CaptureProcess) -> bool:
        """Take one message. False: there is none now, or never again."""
        try:
            message = process.receive()
        except BlockingIOError:
            return False
        except CameraError as error:
            self._condemn(str(error))
            message = None
        if message is not None and self._handle(process, message):
            return True
        # It has closed its end, or talks nonsense: it is not heard again.
        self._deaf = True
        self._selector.unregister(process.channel)
        self._kill_at = min(self._kill_at, time.monotonic() + GRACE_S)
        return False

    def _handle(self, process: CaptureProcess, message: Message) -> bool:
        """False where the message is not to be expected now, which condemns the process."""
        self._heard_at = time.monotonic()
        delivering = self._state in _DELIVERING
        match message:
            case FrameReady(number=number) if delivering and number == self._taken + 1 and process.may_lend(message):
                self._delivered(1, message.part)
                frame = process.lend(message)
                if message.fault is None:
                    self._sink.frame(frame)
                else:
                    self._sink.lost(_unfit(frame, message.fault))
            case FramesLost(first=first, count=count) if delivering and first == self._taken + 1 and count > 0:
                self._delivered(count, message.part)
                for number in range(first, first + count):
                    self._sink.lost(_lost_frame(self._name, message, number))
            case Opened() if self._state is CameraState.STARTING:
                self._running_since = self._heard_at
                self._reading_file = not is_live(self._settings)
                self._move(CameraState.RUNNING)
            case Ended() if delivering:
                self._move(CameraState.ENDED)
                self._kill_at = self._heard_at + GRACE_S
                self._sink.ended(self._name)
            case Failed(detail=detail):
                self._fault = detail
                self._reading_file = False  # the driver says what is wrong, and it is the whole source
                self._kill_at = self._heard_at + GRACE_S
            case _:
                self._condemn(f"the capture process talks nonsense: {message}")
                return False
        return True

    def _delivered(self, frames: int, part: str | None) -> None:
        self._taken += frames
        if part is not None:
            with self._lock:
                self._fires.pop(part, None)
        self._told = False
        if self._heard_at - self._running_since >= HEALTHY_S:
            self._backoff.reset()

    def _bury(self, process: CaptureProcess) -> None:
        """The process is gone: deliver what it had announced, let go of it, and say what became of the camera."""
        while not self._deaf and self._hear(process):
            pass
        process.listen_to_stderr()
        fault = self._fault or process.epitaph()
        for descriptor in (process.channel, process.exit, process.stderr):
            _unregister(self._selector, descriptor)
        process.close()
        self._process = None
        self._kill_at = self._abandon_at = math.inf
        if self._state is CameraState.ENDED:
            return
        if not self._stopping:
            self._suspect_picture(fault)
            self._lose(fault)
            return
        if self._fault is not None:  # it was lost before it was to stop
            self._tell_loss(self._fault)
        self._move(CameraState.STOPPED)

    def _suspect_picture(self, fault: str) -> None:
        """Give up the picture of a file at which two processes in a row have died."""
        if not self._reading_file:
            return
        number = self._taken + 1
        if number == self._died_at:
            self._taken = number
            detail = (
                f"the driver died on this picture twice, the second time so: {fault}; "
                "remove it before the next start, or set stall_s of this camera higher where it only takes long to read"
            )
            now = time.monotonic_ns(), time.time_ns()
            self._sink.lost(LostFrame(self._name, number, Reason.BAD_FRAME, detail, *now, source=None))
        self._died_at = number

    def _lose(self, detail: str) -> None:
        self._move(CameraState.LOST, detail)
        self._tell_loss(detail)
        self._retry_at = time.monotonic() + self._backoff.pause_s()
        self._move(CameraState.BACKING_OFF, detail)

    def _tell_loss(self, detail: str) -> None:
        if not self._told:
            self._told = True
            self._sink.camera_lost(self._name, detail)

    def _move(self, state: CameraState, detail: str | None = None) -> None:
        if state not in _LEGAL[self._state]:
            raise RuntimeError(f"camera {self._name}: {self._state} does not lead to {state}")
        with self._lock:
            self._state, self._detail = state, detail
        # A camera that stays away is told once, not at each try.
        quiet = self._told and state is not CameraState.RUNNING
        tell = _log.debug if quiet else _log.warning if state in _TROUBLE else _log.info
        tell("camera", camera=self._name, state=str(state), detail=detail)


def _unfit(frame: Frame, fault: Fault) -> LostFrame:
    return LostFrame(
        camera=frame.camera,
        number=frame.number,
        reason=fault.reason,
        detail=fault.detail,
        captured_monotonic_ns=frame.captured_monotonic_ns,
        captured_utc_ns=frame.captured_utc_ns,
        source=frame.source,
        part=frame.part,
        rows=frame.rows,
        shown=frame,
    )


def _lost_frame(camera: str, lost: FramesLost, number: int) -> LostFrame:
    return LostFrame(
        camera=camera,
        number=number,
        reason=lost.reason,
        detail=lost.detail,
        captured_monotonic_ns=lost.captured_monotonic_ns,
        captured_utc_ns=lost.captured_utc_ns,
        source=lost.source,
        part=lost.part,
        rows=lost.rows,
    )


def _unregister(selector: selectors.BaseSelector, descriptor: int) -> None:
    if descriptor in selector.get_map():
        selector.unregister(descriptor)
