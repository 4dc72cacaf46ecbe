"""The daemon: puts the parts together, lets them live, and ends them in the order in which nothing is lost.

Start: bundle, journal, sockets, engine (with its golden check), then cameras; so the first frame finds everything
ready. End: cameras first, then every frame taken gets its verdict, then what was said is journaled and published.
"""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import cv2
import structlog

from engines.errors import EnginesError
from inspectd.account import Account
from inspectd.doorkeeper import Guard
from inspectd.ending import exit_code, patience
from inspectd.errors import InspectdError
from inspectd.given import Given
from inspectd.limits import allow_open_files
from inspectd.line import CLOSE_S, Line, started_line
from inspectd.metrics.meters import Meters
from inspectd.model import MakeEngine, camera_policies
from inspectd.models.configured import configured
from inspectd.models.registry import Registry
from inspectd.outlets import Outlets, opened_outlets
from inspectd.runtimes import make_engine
from inspectd.service.manager import ServiceManager
from inspectd.service.reload import reload_settings
from inspectd.service.report import Reporter
from inspectd.settings import Settings
from inspectd.settings.security import exposures
from inspectd.signals import ENDING, RELOAD, on_signals
from inspectd.wire.models import CameraState, DaemonState

ENDING_S = 4 * CLOSE_S
"""How long the end may take besides the open frames: capture, engine, publisher and the rest, one after the other."""
WATCH_S = 0.5
"""How often the parts are looked at while nothing happens."""

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
    cv2.setNumThreads(1)  # pictures for people and archive must not take the engine's cores
    with ServiceManager() as manager:
        try:
            allow_open_files(len(settings.cameras))
            return Daemon(settings, manager, until_ended=until_ended, make_engine=engine, load=load).run()
        except (InspectdError, EnginesError) as error:
            manager.status(f"cannot start: {error}")
            raise


class Running(NamedTuple):
    """The parts, while they run."""

    account: Account
    outlets: Outlets
    line: Line
    reporter: Reporter


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
        self._stop: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._fault: Exception | None = None
        self._unfinished = set(settings.cameras)
        self._never_came: set[str] = set()

    def run(self) -> int:
        """Live. See `run`."""
        signals = (*ENDING, RELOAD) if self._load is not None else ENDING
        with on_signals(signals, self._on_signal), ExitStack() as parts:
            running = self._start(parts)
            told = self._wait(running)
            self._drain(running, told)
        return self._said_exit_code()

    def _start(self, parts: ExitStack) -> Running:
        began, settings = time.monotonic(), self._settings
        for exposed in exposures(settings, settings.security):
            log.warning("security.insecure is set, and whoever reaches an address is let in", address=exposed)
        registry = None
        if settings.model.registry is not None:
            registry = Registry(settings.model.registry)
            parts.enter_context(registry.held())
        first = configured(settings.model)  # not kept: another may take its place, and it is large
        self._manager.status("starting: the engine is loaded and checked on the bundle's golden tiles")
        meters = Meters(settings.cameras)
        given = Given(
            settings,
            camera_policies(settings.cameras),
            meters,
            Guard(settings.security.keys, meters.refused),
            Account(first.bundle, first.calibration, settings.drift.window),
            self._on_fatal,
        )
        outlets = opened_outlets(given, registry, first.active, parts)
        line = started_line(
            given,
            outlets,
            registry,
            first,
            self._make_engine,
            on_ended=self._on_ended,
            drain=lambda: self._stop.put(signal.SIGTERM.name),
            parts=parts,
        )
        self._manager.ready()
        log.info("inspecting", bundle=first.bundle.path.name, start_s=round(time.monotonic() - began, 2))
        reporter = Reporter(self._manager, line.vitals, lambda: outlets.publisher.heartbeat)
        return Running(given.account, outlets, line, reporter)

    def _wait(self, running: Running) -> str | None:
        """Until something ends the daemon's life: the signal's name, or None."""
        while True:
            why = self._told()
            if why == RELOAD.name:
                running.reporter.note = self._reload()
            elif why is not None:
                log.info("ending", why=why)
                return why if why in _SIGNAL_NAMES else None
            self._look_at(running.line)
            running.reporter.archive_note = _archive_note(running.outlets)
            running.reporter.report()

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

    def _look_at(self, line: Line) -> None:
        if line.capture.failure is not None:
            self._on_fatal(InspectdError(f"capture ended unexpectedly: {line.capture.failure!r}"))
        if self._until_ended:
            for camera in line.capture.status():
                if camera.state in _NOT_THERE and camera.frames == 0 and camera.camera in self._unfinished:
                    self._never_came.add(camera.camera)
                    self._on_ended(camera.camera)

    def _drain(self, running: Running, told: str | None) -> None:
        """Take no more frames, give every one taken its verdict, and see them published."""
        account, outlets, line, _ = running
        account.state = DaemonState.DRAINING
        if line.switcher is not None:
            line.switcher.stop()
        self._manager.stopping(patience(self._settings, self._fault, told).seconds + ENDING_S)
        self._manager.status(f"draining: {line.inspector.open_frames} frames open")
        log.info("draining", open_frames=line.inspector.open_frames)
        line.capture.stop_capture()
        self._look_at(line)
        cut_short = line.inspector.drain(*patience(self._settings, self._fault, told))
        ended = line.inspector.close(CLOSE_S)
        flushed = outlets.publisher.flush(CLOSE_S)
        account.state = DaemonState.STOPPED
        log.info("drained", cut_short=cut_short, engine_ended=ended, everything_published=flushed)

    def _said_exit_code(self) -> int:
        if self._never_came:
            log.error("cameras that never came", cameras=sorted(self._never_came))
        if self._fault is None:
            self._manager.status("stopped")
        else:
            self._manager.status(f"ended by a fault: {self._fault or repr(self._fault)}")
            log.error("ended by a fault", error=str(self._fault) or repr(self._fault))
        return exit_code(self._fault, all_came=not self._never_came)

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


def _archive_note(outlets: Outlets) -> str | None:
    failing = None if outlets.archive is None else outlets.archive.failing
    return failing and f"archive: {failing}"
