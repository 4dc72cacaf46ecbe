"""The daemon: puts the parts together, lets them live, and ends them in the order in which nothing is lost.

Start: bundle, journal, sockets, engine (with its golden check), then cameras; so the first frame finds everything
ready. End: cameras first, then every frame taken gets its verdict, then what was said is journaled and published.
"""

from __future__ import annotations

import queue
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import structlog

from engines.base import Engine
from engines.bundle import Bundle, open_bundle
from inspectd.cameras.build import effective_drop
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.errors import CameraError, EngineFailure, InspectdError
from inspectd.journal import Journal
from inspectd.pipeline.inspector import CameraPolicy, Inspector
from inspectd.pipeline.queues import QueuePolicy
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.settings import CameraSettings, EngineSettings, Settings
from inspectd.wire.models import CameraState, DaemonState, Reason

CLOSE_S = 5.0
"""How long a part may take to end after the drain, before it is left behind."""
WATCH_S = 0.5
"""How often the parts are looked at while nothing happens."""
FATAL_DRAIN_S = 0.5
"""After a fault no engine's result is to be expected; this is for those already on their way."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SIGNAL_NAMES = frozenset(number.name for number in _SIGNALS)
_NOT_THERE = frozenset({CameraState.LOST, CameraState.BACKING_OFF})

MakeEngine = Callable[[Bundle, EngineSettings], Engine]

log = structlog.get_logger(__name__)


def make_engine(bundle: Bundle, settings: EngineSettings) -> Engine:
    """The engine that the settings ask for, not yet active."""
    from engines.onnx import OnnxEngine  # noqa: PLC0415 - a runtime is loaded only where it is used

    return OnnxEngine(bundle, threads=settings.threads, max_batch=settings.max_batch, slots=settings.slots)


def run(settings: Settings, *, until_ended: bool = False, engine: MakeEngine = make_engine) -> int:
    """Inspect until SIGTERM or SIGINT, or, with `until_ended`, until every camera's source has ended or is not there.

    Returns the exit code: 0, or that of the fault which ended it.

    Raises:
        InspectdError, EnginesError: it could not start.
    """
    return Daemon(settings, until_ended=until_ended, make_engine=engine).run()


class Daemon:
    """One life of the daemon."""

    def __init__(self, settings: Settings, *, until_ended: bool, make_engine: MakeEngine) -> None:
        self._settings = settings
        self._until_ended = until_ended
        self._make_engine = make_engine
        self._state = DaemonState.STARTING
        self._stop: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._fault: Exception | None = None
        self._unfinished = set(settings.cameras)
        self._never_came: set[str] = set()
        self._bundle = open_bundle(settings.model.bundle)
        self._inspector: Inspector | None = None
        self._capture: CaptureSupervisor | None = None

    def run(self) -> int:
        """Live. See `run`."""
        with _on_signals(self._on_signal), ExitStack() as parts:
            began = time.monotonic()
            publisher = self._start_publishing(parts)
            inspector, capture = self._start_inspecting(publisher, parts)
            log.info("inspecting", bundle=self._bundle.path.name, start_s=round(time.monotonic() - began, 2))
            told = self._wait(capture)
            self._drain(publisher, inspector, capture, told)
        return self._exit_code()

    def _start_publishing(self, parts: ExitStack) -> Publisher:
        settings = self._settings
        limits = settings.journal.max_age_days, settings.journal.max_size_mb
        journal = parts.enter_context(Journal(settings.journal.path, *limits))
        publisher = Publisher(
            settings.publish, settings.publisher, uuid.uuid4().hex, journal, self._status, on_fatal=self._on_fatal
        )
        parts.callback(publisher.close)
        publisher.start()
        parts.enter_context(ReplayServer(settings.publish.replay, journal))
        return publisher

    def _start_inspecting(self, publisher: Publisher, parts: ExitStack) -> tuple[Inspector, CaptureSupervisor]:
        settings = self._settings
        engine = parts.enter_context(self._make_engine(self._bundle, settings.engine))
        inspector = Inspector(
            engine,
            self._bundle,
            {name: self._policy(camera) for name, camera in settings.cameras.items()},
            report=publisher.submit,
            on_fatal=self._on_fatal,
            on_ended=self._on_ended,
            engine_timeout_s=settings.engine.timeout_s,
            max_regions=settings.publish.max_regions,
        )
        capture = CaptureSupervisor(settings.cameras, inspector)
        parts.callback(capture.close, CLOSE_S)
        inspector.start()
        self._inspector, self._capture = inspector, capture
        self._state = DaemonState.INSPECTING
        capture.start()
        return inspector, capture

    def _policy(self, camera: CameraSettings) -> CameraPolicy:
        mm_per_px = camera.mm_per_px or self._bundle.manifest.mm_per_px
        return CameraPolicy(camera.deadline_ms, QueuePolicy(camera.queue_frames, effective_drop(camera)), mm_per_px)

    def _wait(self, capture: CaptureSupervisor) -> str | None:
        """Until something ends the daemon's life: the signal's name, or None."""
        while True:
            try:
                why = self._stop.get(timeout=WATCH_S)
            except queue.Empty:
                self._look_at(capture)
            else:
                log.info("ending", why=why)
                return why if why in _SIGNAL_NAMES else None

    def _look_at(self, capture: CaptureSupervisor) -> None:
        if capture.failure is not None:
            self._on_fatal(InspectdError(f"capture ended unexpectedly: {capture.failure!r}"))
        if self._until_ended:
            for camera in capture.status():
                if camera.state in _NOT_THERE and camera.frames == 0 and camera.camera in self._unfinished:
                    self._never_came.add(camera.camera)
                    self._on_ended(camera.camera)

    def _drain(self, publisher: Publisher, inspector: Inspector, capture: CaptureSupervisor, told: str | None) -> None:
        """Take no more frames, give every one taken its verdict, and see them published."""
        self._state = DaemonState.DRAINING
        log.info("draining", open_frames=inspector.open_frames)
        capture.stop_capture()
        self._look_at(capture)
        cut_short = inspector.drain(*self._patience(told))
        ended = inspector.close(CLOSE_S)
        flushed = publisher.flush(CLOSE_S)
        self._state = DaemonState.STOPPED
        log.info("drained", cut_short=cut_short, engine_ended=ended, everything_published=flushed)

    def _patience(self, told: str | None) -> tuple[float, Reason, str]:
        """How long the open frames may take, and what is said of those that take longer."""
        if isinstance(self._fault, EngineFailure):
            return FATAL_DRAIN_S, Reason.ENGINE_FAILED, str(self._fault)
        if self._fault is not None:
            return FATAL_DRAIN_S, Reason.SHUTDOWN, f"the daemon ended by a fault: {self._fault}"
        if told is None:  # the sources have ended; nobody waits but the frames' own deadlines
            deadline_s = max(camera.deadline_ms for camera in self._settings.cameras.values()) / 1000
            return deadline_s + CLOSE_S, Reason.SHUTDOWN, "the daemon ended"
        drain_s = self._settings.drain_s
        detail = f"the daemon stopped, and drain_s = {drain_s:g} s were not enough for this frame"
        return drain_s, Reason.SHUTDOWN, detail

    def _exit_code(self) -> int:
        if self._never_came:
            log.error("cameras that never came", cameras=sorted(self._never_came))
        if self._fault is None:
            return CameraError.exit_code if self._never_came else 0
        log.error("ended by a fault", error=str(self._fault) or repr(self._fault))
        return self._fault.exit_code if isinstance(self._fault, InspectdError) else EngineFailure.exit_code

    # What the parts say; any thread

    def _on_signal(self, name: str) -> None:
        # In a signal handler: nothing that takes a lock, which the interrupted code may hold; SimpleQueue takes none.
        self._stop.put(name)

    def _on_fatal(self, error: Exception) -> None:
        if self._fault is None:
            self._fault = error
            log.error("cannot go on", error=str(error) or repr(error), kind=type(error).__name__)
        self._stop.put("a fault")

    def _on_ended(self, camera: str) -> None:
        log.info("source ended", camera=camera)
        self._unfinished.discard(camera)
        if self._until_ended and not self._unfinished:
            self._stop.put("every source has ended")

    def _status(self) -> DaemonStatus:
        return DaemonStatus(
            state=self._state,
            surface=self._bundle.surface,
            bundle=self._bundle.path.name,
            cameras=self._capture.status() if self._capture else (),
            open_frames=self._inspector.open_frames if self._inspector else 0,
        )


@contextmanager
def _on_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """Call `stop` with the name of SIGTERM or SIGINT, whichever comes; a second one ends the process at once."""

    def handle(number: int, _: object) -> None:
        name = signal.Signals(number)
        signal.signal(name, previous[name])
        stop(name.name)

    previous = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
