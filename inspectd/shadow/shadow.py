"""The shadow of a line: an onlooker that has a candidate, or none."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from inspectd.closing import Closing
from inspectd.errors import InspectdError, ModelRefusedError, RegistryError
from inspectd.metrics.meters import Meters
from inspectd.pipeline.onlookers import Seen
from inspectd.settings import Settings
from inspectd.shadow.figures import read_figures
from inspectd.shadow.messages import Begin
from inspectd.shadow.process import WORKER
from inspectd.shadow.record import ShadowRecord, read_record, write_record
from inspectd.shadow.trial import PATIENCE_S, Trial
from inspectd.wire.models import ShadowStanding, ShadowState
from inspectd.wire.times import utc_text

log = structlog.get_logger(__name__)


class Shadow(Closing):
    """Keeps a candidate of a registry. What it looks at is chosen by the publisher's thread, one other thread may
    change which it is, any may ask how it stands."""

    def __init__(
        self,
        registry: Path,
        settings: Settings,
        meters: Meters,
        *,
        program: Sequence[str] = WORKER,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`registry` is its directory. `program` is what Python runs as the candidate; `patience_s` is how long it may
        take for a frame."""
        self._registry = registry
        self._directory = results_in(registry)
        self._settings = settings
        self._meters = meters
        self._program = program
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._record: ShadowRecord | None = None
        self._trial: Trial | None = None
        self._loading: Trial | None = None
        meters.watch_shadow(lambda: self._is_comparing)

    def resume(self) -> None:
        """Go on with the candidate of the daemon's last life; returns at once. What is wrong with it is logged."""
        try:
            self._record = read_record(self._directory)
        except RegistryError as error:
            log.warning("no candidate looks on", error=str(error))
            return
        if self._record is not None and self._record.failure is None:
            self._trial = self._begun(self._record, anew=False)

    def begin(self, bundle: str, *, who: str, why: str) -> None:
        """Have a bundle of the registry look on, in place of the one before. Returns when it does.

        Raises:
            ModelRefusedError: it cannot; the one before looks on.
            RegistryError: the registry cannot be written.
        """
        if self.bundle == bundle and self._is_comparing:
            raise ModelRefusedError(f"{bundle} looks on already")
        record = ShadowRecord(bundle=bundle, who=who, why=why, since_utc=utc_text(time.time_ns()))
        trial = self._loading = self._begun(record, anew=True)
        try:
            trial.wait_loaded()
            if trial.state is not ShadowState.COMPARING:
                raise ModelRefusedError(trial.reason or "the daemon is ending")
            write_record(self._directory, record)
        except InspectdError:
            trial.close()
            raise
        finally:
            self._loading = None
        self._replace(record, trial)
        self._remove_results_but(bundle)
        log.info("a candidate looks on", bundle=bundle, who=who, why=why)

    def end(self) -> None:
        """No candidate looks on any more; what was found stays until the next one does.

        Raises:
            RegistryError: the registry cannot be written; it goes on looking.
        """
        write_record(self._directory, None)
        self._replace(None, None)

    def close(self) -> None:
        """End it until the next start. May be called more than once."""
        for trial in (self._loading, self._trial):
            if trial is not None:
                trial.close()

    # Any thread

    @property
    def bundle(self) -> str | None:
        """Name of the candidate's bundle."""
        record = self._record
        return None if record is None else record.bundle

    @property
    def standing(self) -> ShadowStanding | None:
        """The candidate, and how it compares."""
        with self._lock:
            record, trial = self._record, self._trial
        if record is None:
            return None
        if trial is None:  # it failed in an earlier life
            state, reason = ShadowState.FAILED, record.failure
            figures = read_figures(self._directory / record.bundle).told()
        else:
            state, reason, figures = trial.state, trial.reason, trial.figures
        return ShadowStanding(
            bundle=record.bundle,
            state=state,
            reason=reason,
            who=record.who,
            why=record.why,
            since_utc=record.since_utc,
            figures=figures,
        )

    # Of an onlooker

    @property
    def wants_pictures(self) -> bool:
        """See `Onlooker.wants_pictures`: while a candidate waits for a frame."""
        trial = self._trial
        return trial is not None and trial.wants_pictures

    def saw(self, seen: Seen) -> None:
        """See `Onlooker.saw`."""
        trial = self._trial
        if trial is not None:
            trial.saw(seen)

    @property
    def _is_comparing(self) -> bool:
        trial = self._trial
        return trial is not None and trial.state is ShadowState.COMPARING

    def _begun(self, record: ShadowRecord, *, anew: bool) -> Trial:
        cameras = self._settings.cameras
        begin = Begin(
            bundle=self._registry / "bundles" / record.bundle,
            results=self._directory / record.bundle,
            anew=anew,
            engine=self._settings.engine,
            cameras=cameras,
            slot_bytes=max(camera.max_frame_mb for camera in cameras.values()) << 20,
        )
        return Trial(
            begin,
            self._meters,
            lambda reason: self._failed(record, reason),
            program=self._program,
            patience_s=self._patience_s,
        )

    def _failed(self, record: ShadowRecord, reason: str) -> None:
        """By the trial's thread."""
        with self._lock:
            if self._record is not record:  # not taken yet; whoever asked for it is told
                return
            log.warning("the candidate was stopped; the line goes on", bundle=record.bundle, reason=reason)
            try:
                write_record(self._directory, record.model_copy(update={"failure": reason}))
            except RegistryError as error:
                log.warning("that it was stopped is not recorded", error=str(error))

    def _replace(self, record: ShadowRecord | None, trial: Trial | None) -> None:
        with self._lock:
            before, self._record, self._trial = self._trial, record, trial
        if before is not None:
            before.close()

    def _remove_results_but(self, bundle: str) -> None:
        for results in self._directory.iterdir():
            if results.is_dir() and results.name != bundle:
                shutil.rmtree(results, ignore_errors=True)


def results_in(registry: Path) -> Path:
    """Where a registry keeps what its candidates found, a directory for each."""
    return registry / "shadow"
