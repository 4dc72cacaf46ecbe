"""The daemon: puts the parts together, lets them live, and ends them in the order in which nothing is lost.

Start: bundle, journal, sockets, engine (with its golden check), then cameras; so the first frame finds everything
ready. End: cameras first, then every frame taken gets its verdict, then what was said is journaled and published.
"""

from __future__ import annotations

import queue
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from prometheus_client import ProcessCollector

from calib.calibration import Calibration
from engines.bundle import Bundle
from engines.errors import EnginesError
from inspectd.archive import Archive
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.control import ControlServer
from inspectd.doorkeeper import Guard
from inspectd.drift import DriftMonitor
from inspectd.errors import (
    CameraError,
    EngineFailure,
    InspectdError,
)
from inspectd.journal import Journal
from inspectd.limits import allow_open_files
from inspectd.metrics.health import ailments
from inspectd.metrics.meters import Meters
from inspectd.metrics.page import Page
from inspectd.metrics.server import MetricsServer
from inspectd.metrics.standing import Standing
from inspectd.model import MakeEngine, camera_policies, load_model
from inspectd.models.configured import Configured, configured
from inspectd.models.recording import record_untold
from inspectd.models.registry import Registry
from inspectd.models.switch import Switcher
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.model import Model
from inspectd.pipeline.onlookers import Onlooker
from inspectd.previews.previews import Previews
from inspectd.publisher import DaemonStatus, Publisher
from inspectd.replay import ReplayServer
from inspectd.requests import Requests
from inspectd.runtimes import make_engine
from inspectd.service.manager import ServiceManager
from inspectd.service.reload import reload_settings
from inspectd.service.report import Reporter
from inspectd.settings import Settings
from inspectd.settings.security import exposures
from inspectd.shadow.shadow import Shadow
from inspectd.signals import ENDING, RELOAD, on_signals
from inspectd.vitals import Vitals
from inspectd.wire.models import (
    CameraState,
    CameraStatus,
    DaemonState,
    Reason,
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
            allow_open_files(len(settings.cameras))
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
        self._cameras = camera_policies(settings.cameras)
        self._configured: Configured
        self._registry: Registry | None = None
        self._shadow: Shadow | None = None
        self._switcher: Switcher | None = None
        self._inspector: Inspector | None = None
        self._capture: CaptureSupervisor | None = None
        self._vitals: Vitals | None = None
        self._meters = Meters(settings.cameras)
        self._guard = Guard(settings.security.keys, self._meters.refused)
        self._archive = Archive(settings.archive, self._meters) if settings.archive.path else None
        self._drift = DriftMonitor(settings.drift.window, self._model)

    def run(self) -> int:
        """Live. See `run`."""
        signals = (*ENDING, RELOAD) if self._load is not None else ENDING
        with on_signals(signals, self._on_signal), ExitStack() as parts:
            began = time.monotonic()
            for exposed in exposures(self._settings, self._settings.security):
                log.warning("security.insecure is set, and whoever reaches an address is let in", address=exposed)
            self._open_models(parts)
            self._manager.status("starting: the engine is loaded and checked on the bundle's golden tiles")
            publisher = self._start_publishing(parts)
            inspector, capture, reporter = self._start_inspecting(publisher, parts)
            self._manager.ready()
            log.info("inspecting", bundle=self._configured.bundle.path.name, start_s=round(time.monotonic() - began, 2))
            told = self._wait(capture, reporter)
            self._drain(publisher, inspector, capture, told)
        return self._exit_code()

    def _open_models(self, parts: ExitStack) -> None:
        settings = self._settings.model
        if settings.registry is not None:
            self._registry = Registry(settings.registry)
            parts.enter_context(self._registry.held())
        self._configured = configured(settings)

    def _start_publishing(self, parts: ExitStack) -> Publisher:
        settings = self._settings
        limits = settings.journal.max_age_days, settings.journal.max_size_mb
        journal = parts.enter_context(Journal(settings.journal.path, *limits))
        onlookers: list[Onlooker] = []
        if self._registry is not None:
            self._shadow = parts.enter_context(Shadow(self._registry.directory, settings, self._meters))
            onlookers.append(self._shadow)
        if self._archive is not None:
            onlookers.append(parts.enter_context(self._archive))
        if settings.drift.enabled:
            onlookers.append(self._drift)
        if settings.publish.pictures:
            onlookers.append(parts.enter_context(Previews(settings.publish, self._guard)))
        publisher = Publisher(
            settings.publish,
            settings.publisher,
            uuid.uuid4().hex,
            journal,
            self._status,
            on_fatal=self._on_fatal,
            meters=self._meters,
            onlookers=onlookers,
            guard=self._guard,
        )
        parts.callback(publisher.close)
        publisher.start()
        if self._configured.active is not None:
            record_untold(self._configured.active, journal, publisher.submit)
        parts.enter_context(ReplayServer(settings.publish.replay, journal, self._guard))
        if settings.metrics.address:
            parts.enter_context(self._metrics(publisher))
        return publisher

    def _metrics(self, publisher: Publisher) -> MetricsServer:
        registry = self._meters.registry
        ProcessCollector(registry=registry)
        registry.register(
            Standing(self._settings, publisher, lambda: self._inspector, lambda: self._vitals, self._archive)
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
        model = self._load_model(self._configured.bundle, self._configured.calibration)
        inspector = Inspector(
            model,
            self._cameras,
            report=publisher.submit,
            on_fatal=self._on_fatal,
            on_ended=self._on_ended,
            engine_timeout_s=settings.engine.timeout_s,
            max_regions=settings.publish.max_regions,
            max_open_parts=settings.control.max_open_parts,
            meters=self._meters,
            wants_pictures=lambda: publisher.wants_pictures,
        )
        self._inspector = inspector
        parts.callback(self._close_engine)
        capture = CaptureSupervisor(settings.cameras, inspector)
        parts.callback(capture.close, CLOSE_S)
        inspector.start()
        self._capture = capture
        self._state = DaemonState.INSPECTING
        capture.start()
        if self._registry is not None and self._shadow is not None:
            self._switcher = parts.enter_context(self._switching(self._registry, self._shadow, inspector))
            self._shadow.resume()
        requests = Requests(
            settings,
            inspector,
            capture,
            self._switcher,
            state=lambda: self._state,
            heartbeat=lambda: publisher.heartbeat,
            drain=lambda: self._stop.put(signal.SIGTERM.name),
        )
        control = parts.enter_context(ControlServer(settings.control.address, requests.answer, self._guard))
        self._vitals = Vitals([capture.pulse, *inspector.pulses, publisher.pulse, control.pulse])
        return inspector, capture, Reporter(self._manager, self._vitals, lambda: publisher.heartbeat)

    def _load_model(self, bundle: Bundle, calibration: Calibration, running: Model | None = None) -> Model:
        engine = self._settings.engine
        return load_model(bundle, engine, self._cameras, self._make_engine, calibration=calibration, running=running)

    def _switching(self, registry: Registry, shadow: Shadow, inspector: Inspector) -> Switcher:
        return Switcher(
            registry,
            self._settings.model,
            running=lambda: inspector.model,
            load=self._load_model,
            adopt=inspector.adopt,
            on_fatal=self._on_fatal,
            shadow=shadow,
        )

    def _close_engine(self) -> None:
        if self._inspector is not None:
            self._inspector.model.engine.close()

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
            reporter.archive_note = self._archive_note()
            reporter.report()

    def _archive_note(self) -> str | None:
        failing = None if self._archive is None else self._archive.failing
        return failing and f"archive: {failing}"

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
        if self._switcher is not None:
            self._switcher.stop()
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

    def _model(self) -> Model | None:
        return self._inspector.model if self._inspector else None

    def _status(self) -> DaemonStatus:
        model = self._model()
        return DaemonStatus(
            state=self._state,
            surface=(model.bundle if model else self._configured.bundle).surface,
            bundle=model.name if model else self._configured.bundle.path.name,
            threshold=(model.calibration if model else self._configured.calibration).threshold,
            cameras=self._camera_statuses(),
            open_frames=self._inspector.open_frames if self._inspector else 0,
        )

    def _camera_statuses(self) -> tuple[CameraStatus, ...]:
        inspector, capture = self._inspector, self._capture
        if inspector is None or capture is None:
            return ()
        return tuple(
            status.model_copy(
                update={
                    "untriggered": inspector.untriggered(status.camera),
                    "uninspected_mm": inspector.uninspected_mm(status.camera),
                    "drift": self._drift.drift(status.camera),
                }
            )
            for status in capture.status()
        )
