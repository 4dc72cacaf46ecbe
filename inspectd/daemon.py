"""The daemon: puts the parts together, lets them live, and ends them in the order in which nothing is lost.

Start: bundle, journal, sockets, engine (with its golden check), then cameras; so the first frame finds everything
ready. End: cameras first, then every frame taken gets its verdict, then what was said is journaled and published.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import structlog
from prometheus_client import ProcessCollector

from engines.base import Engine
from engines.bundle import Bundle, open_bundle
from engines.errors import EnginesError
from engines.manifest import TileGeometry
from inspectd.cameras.build import effective_drop, trigger_mode
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.control import ControlServer
from inspectd.errors import (
    CameraError,
    EngineFailure,
    InspectdError,
    RequestRefusedError,
    SettingsError,
    ViewError,
)
from inspectd.journal import Journal
from inspectd.metrics.health import ailments
from inspectd.metrics.meters import Meters
from inspectd.metrics.page import Page
from inspectd.metrics.server import MetricsServer
from inspectd.metrics.standing import Standing
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.policy import CameraPolicy
from inspectd.pipeline.queues import QueuePolicy
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.runtimes import make_engine
from inspectd.service.manager import ServiceManager
from inspectd.service.reload import reload_settings
from inspectd.service.report import Reporter
from inspectd.settings import CameraSettings, EngineSettings, Settings
from inspectd.signals import ENDING, RELOAD, on_signals
from inspectd.trigger import take_trigger
from inspectd.view.view import View, load_view
from inspectd.vitals import Vitals
from inspectd.web.counts import take_count
from inspectd.web.web import scale_problem
from inspectd.wire.models import (
    CameraState,
    CameraStatus,
    ControlRequest,
    DaemonState,
    EncoderAccepted,
    EncoderRequest,
    Reason,
    TriggerAccepted,
)

CLOSE_S = 5.0
"""How long a part may take to end after the drain, before it is left behind."""
ENDING_S = 4 * CLOSE_S
"""How long the end may take besides the open frames: capture, engine, publisher and the rest, one after the other."""
WATCH_S = 0.5
"""How often the parts are looked at while nothing happens."""
FATAL_DRAIN_S = 0.5
"""After a fault no engine's result is to be expected; this is for those already on their way."""

_SIGNAL_NAMES = frozenset(number.name for number in ENDING)
_NOT_THERE = frozenset({CameraState.LOST, CameraState.BACKING_OFF})

MakeEngine = Callable[[Bundle, EngineSettings], Engine]
LoadSettings = Callable[[], Settings]

log = structlog.get_logger(__name__)


def run(
    settings: Settings,
    *,
    until_ended: bool = False,
    engine: MakeEngine = make_engine,
    load: LoadSettings | None = None,
) -> int:
    """Inspect until SIGTERM or SIGINT, or, with `until_ended`, until every camera's source has ended or is not there.

    On SIGHUP the settings are read again with `load`; without it, that signal ends the process as by default.

    Returns the exit code: 0, or that of the fault which ended it.

    Raises:
        InspectdError, EnginesError: it could not start.
    """
    with ServiceManager() as manager:
        try:
            return Daemon(settings, manager, until_ended=until_ended, make_engine=engine, load=load).run()
        except (InspectdError, EnginesError) as error:
            manager.status(f"cannot start: {error}")
            raise


class Daemon:
    """One life of the daemon."""

    def __init__(
        self,
        settings: Settings,
        manager: ServiceManager,
        *,
        until_ended: bool,
        make_engine: MakeEngine,
        load: LoadSettings | None,
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._load = load
        self._until_ended = until_ended
        self._make_engine = make_engine
        self._state = DaemonState.STARTING
        self._stop: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._fault: Exception | None = None
        self._unfinished = set(settings.cameras)
        self._never_came: set[str] = set()
        self._bundle = open_bundle(settings.model.bundle)
        self._views = _views(settings.cameras, self._bundle.manifest.tile)
        _check_webs(settings.cameras, self._bundle.manifest.mm_per_px)
        self._inspector: Inspector | None = None
        self._capture: CaptureSupervisor | None = None
        self._vitals: Vitals | None = None
        self._meters = Meters(settings.cameras)

    def run(self) -> int:
        """Live. See `run`."""
        signals = (*ENDING, RELOAD) if self._load is not None else ENDING
        with on_signals(signals, self._on_signal), ExitStack() as parts:
            began = time.monotonic()
            self._manager.status("starting: the engine is loaded and checked on the bundle's golden tiles")
            publisher = self._start_publishing(parts)
            inspector, capture, reporter = self._start_inspecting(publisher, parts)
            self._manager.ready()
            log.info("inspecting", bundle=self._bundle.path.name, start_s=round(time.monotonic() - began, 2))
            told = self._wait(capture, reporter)
            self._drain(publisher, inspector, capture, told)
        return self._exit_code()

    def _start_publishing(self, parts: ExitStack) -> Publisher:
        settings = self._settings
        limits = settings.journal.max_age_days, settings.journal.max_size_mb
        journal = parts.enter_context(Journal(settings.journal.path, *limits))
        publisher = Publisher(
            settings.publish,
            settings.publisher,
            uuid.uuid4().hex,
            journal,
            self._status,
            on_fatal=self._on_fatal,
            meters=self._meters,
        )
        parts.callback(publisher.close)
        publisher.start()
        parts.enter_context(ReplayServer(settings.publish.replay, journal))
        if settings.metrics.address:
            parts.enter_context(self._metrics(publisher))
        return publisher

    def _metrics(self, publisher: Publisher) -> MetricsServer:
        registry = self._meters.registry
        ProcessCollector(registry=registry)
        registry.register(
            Standing(self._settings, self._bundle, publisher, lambda: self._inspector, lambda: self._vitals)
        )
        return MetricsServer(
            self._settings.metrics.address,
            Page(registry).text,
            lambda: ailments(publisher.heartbeat, self._vitals),
        )

    def _start_inspecting(
        self, publisher: Publisher, parts: ExitStack
    ) -> tuple[Inspector, CaptureSupervisor, Reporter]:
        settings = self._settings
        engine = parts.enter_context(self._make_engine(self._bundle, settings.engine))
        inspector = Inspector(
            engine,
            self._bundle,
            {name: self._policy(camera, self._views[name]) for name, camera in settings.cameras.items()},
            report=publisher.submit,
            on_fatal=self._on_fatal,
            on_ended=self._on_ended,
            engine_timeout_s=settings.engine.timeout_s,
            max_regions=settings.publish.max_regions,
            max_open_parts=settings.control.max_open_parts,
            meters=self._meters,
        )
        capture = CaptureSupervisor(settings.cameras, inspector)
        parts.callback(capture.close, CLOSE_S)
        inspector.start()
        self._inspector, self._capture = inspector, capture
        self._state = DaemonState.INSPECTING
        capture.start()
        control = parts.enter_context(ControlServer(settings.control.address, self._asked))
        self._vitals = Vitals([capture.pulse, *inspector.pulses, publisher.pulse, control.pulse])
        return inspector, capture, Reporter(self._manager, self._vitals, lambda: publisher.heartbeat)

    def _policy(self, camera: CameraSettings, view: View) -> CameraPolicy:
        mm_per_px = camera.mm_per_px or (view.plane.mm_per_px if view.plane else self._bundle.manifest.mm_per_px)
        queued = QueuePolicy(camera.queue_frames, effective_drop(camera))
        return CameraPolicy(camera.deadline_ms, queued, mm_per_px, trigger_mode(camera), view, camera.web)

    def _wait(self, capture: CaptureSupervisor, reporter: Reporter) -> str | None:
        """Until something ends the daemon's life: the signal's name, or None."""
        while True:
            why = self._told()
            if why == RELOAD.name:
                reporter.note = self._reload()
            elif why is not None:
                log.info("ending", why=why)
                return why if why in _SIGNAL_NAMES else None
            self._look_at(capture)
            reporter.report()

    def _told(self) -> str | None:
        try:
            return self._stop.get(timeout=WATCH_S)
        except queue.Empty:
            return None

    def _reload(self) -> str | None:
        """What the operator is still to do about it, in words."""
        assert self._load is not None
        self._manager.reloading()
        reloaded = reload_settings(self._settings, self._load)
        self._settings = reloaded.settings
        self._manager.ready()
        return reloaded.note

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
        self._manager.stopping(self._patience(told)[0] + ENDING_S)
        self._manager.status(f"draining: {inspector.open_frames} frames open")
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
            self._manager.status("stopped")
            return CameraError.exit_code if self._never_came else 0
        self._manager.status(f"ended by a fault: {self._fault or repr(self._fault)}")
        log.error("ended by a fault", error=str(self._fault) or repr(self._fault))
        return self._fault.exit_code if isinstance(self._fault, InspectdError) else EngineFailure.exit_code

    # What is asked of it; the control socket's thread

    def _asked(self, request: ControlRequest) -> TriggerAccepted | EncoderAccepted:
        inspector, capture = self._inspector, self._capture
        if self._state is not DaemonState.INSPECTING or inspector is None or capture is None:
            raise RequestRefusedError(f"the daemon is {self._state}; it takes requests while it is inspecting")
        if isinstance(request, EncoderRequest):
            return take_count(inspector.encoders, request)
        return take_trigger(request, self._settings.cameras, inspector, capture)

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
            cameras=self._cameras(),
            open_frames=self._inspector.open_frames if self._inspector else 0,
        )

    def _cameras(self) -> tuple[CameraStatus, ...]:
        inspector, capture = self._inspector, self._capture
        if inspector is None or capture is None:
            return ()
        return tuple(
            status.model_copy(
                update={
                    "untriggered": inspector.untriggered(status.camera),
                    "uninspected_mm": inspector.uninspected_mm(status.camera),
                }
            )
            for status in capture.status()
        )


def _views(cameras: Mapping[str, CameraSettings], geometry: TileGeometry) -> dict[str, View]:
    """What each camera looks at.

    Raises:
        ViewError: a file that one names cannot be used, or nothing is left to inspect.
    """
    views = {}
    for name, camera in cameras.items():
        try:
            views[name] = load_view(camera, geometry)
        except ViewError as error:
            raise ViewError("\n".join(f"cameras.{name}.{line}" for line in str(error).splitlines())) from error
    return views


def _check_webs(cameras: Mapping[str, CameraSettings], bundle_mm_per_px: float | None) -> None:
    """
    Raises:
        SettingsError: a camera that looks at a web has no scale.
    """
    for name, camera in cameras.items():
        problem = scale_problem(camera, bundle_mm_per_px)
        if problem is not None:
            raise SettingsError(f"cameras.{name}.{problem}")
