"""How the daemon stands, for the line that `systemctl status` shows, and whether it is alive, for the watchdog."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from inspectd.service.manager import ServiceManager
from inspectd.vitals import Vitals
from inspectd.wire.models import CameraState, CameraStatus, Heartbeat

log = structlog.get_logger(__name__)


class Reporter:
    """Tells the service manager both, whenever it is asked to."""

    def __init__(self, manager: ServiceManager, vitals: Vitals, heartbeat: Callable[[], Heartbeat | None]) -> None:
        """`heartbeat` gives the last one sent."""
        self._manager = manager
        self._vitals = vitals
        self._heartbeat = heartbeat
        self._ill = False
        self.note: str | None = None
        """What else the operator should know, in words."""
        self.archive_note: str | None = None
        """Likewise, of the archive."""

    def report(self) -> None:
        """Tell the watchdog that every stage makes progress, unless one does not, and tell the state in words."""
        problems = self._vitals.problems()
        if not problems:
            self._manager.alive()
        self._log_change(problems)
        heartbeat = self._heartbeat()
        if heartbeat is not None:
            self._manager.status(
                "; ".join([*problems, *state_words(heartbeat), *filter(None, [self.archive_note, self.note])])
            )

    def _log_change(self, problems: Sequence[str]) -> None:
        if problems and not self._ill:
            log.error("no progress; the service manager's watchdog is told nothing until there is", stages=problems)
        elif self._ill and not problems:
            log.info("every stage makes progress again")
        self._ill = bool(problems)


def state_words(heartbeat: Heartbeat) -> list[str]:
    """What the daemon does, what its cameras do, and what it has said since its start."""
    state = heartbeat.state.replace("_", " ")
    return [
        f"{state} {heartbeat.surface} with {heartbeat.bundle}",
        ", ".join(map(_camera_words, heartbeat.cameras)) or "no camera yet",
        f"{heartbeat.passed} PASS, {heartbeat.failed} FAIL, {heartbeat.errors} ERROR",
    ]


def _camera_words(camera: CameraStatus) -> str:
    state = "lost" if camera.state is CameraState.BACKING_OFF else camera.state
    return f"{camera.camera} {state}" + (f" ({camera.detail})" if camera.detail else "")
