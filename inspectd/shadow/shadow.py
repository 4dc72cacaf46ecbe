"""The shadow of a line: an onlooker that has a candidate, or none."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from inspectd.closing import Closing
from inspectd.errors import ModelRefusedError, RegistryError
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


Settled = Callable[[str | None], None]
"""Told once why a candidate that was to look on does not; None: it does."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """One that looks on, or is to."""

    record: ShadowRecord
    trial: Trial | None
    """None: it failed in an earlier life."""
    settled: Settled | None = None
    """For whoever waits until it looks on."""


class Shadow(Closing):
    """Keeps a candidate of a registry, and beside it at most one more that is loading to take its place. What it looks
    at is chosen by the publisher's thread; any may change which it is, and ask how it stands."""

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
        self._changing = threading.Lock()
        """Held while the disk is written too. Who only asks looks at the two below, each of which is whole."""
        self._looking: _Candidate | None = None
        self._loading: _Candidate | None = None
        meters.watch_shadow(lambda: self._state is ShadowState.COMPARING)

    def resume(self) -> None:
        """Go on with the candidate of the daemon's last life; returns at once. What is wrong with it is logged."""
        try:
            record = read_record(self._directory)
        except RegistryError as error:
            log.warning("no candidate looks on", error=str(error))
            return
        if record is not None:
            with self._changing:
                self._looking = _Candidate(record, self._begun(record, anew=False) if record.failure is None else None)

    def begin(self, bundle: str, *, who: str, why: str, settled: Settled) -> None:
        """Have a bundle of the registry look on, in place of the one before, as soon as it is loaded. Returns at once;
        `settled` is told how it went, by another thread.

        Raises:
            ModelRefusedError: it looks on already, or one is loading.
        """
        record = ShadowRecord(bundle=bundle, who=who, why=why, since_utc=utc_text(time.time_ns()))
        with self._changing:
            if self._loading is not None:
                raise ModelRefusedError(f"{self._loading.record.bundle} is loading; stop it, or wait until it looks on")
            if self.bundle == bundle and self._state is not ShadowState.FAILED:
                raise ModelRefusedError(f"{bundle} looks on already")
            self._loading = _Candidate(record, self._begun(record, anew=True), settled)

    def end(self, reason: str, bundle: str | None = None) -> None:
        """No candidate looks on any more, and none that is loading will; where `bundle` is given, only if that is the
        candidate. What was found stays until the next one looks on. `reason` is for whoever waits for one that is
        loading.

        Raises:
            RegistryError: the registry cannot be written; the one that looks on goes on looking.
        """
        self.give_up(reason, bundle)
        with self._changing:
            looking = self._looking
            if looking is None or bundle not in {None, looking.record.bundle}:
                return
            write_record(self._directory, None)
            self._looking = None
        _close(looking)

    def give_up(self, reason: str, bundle: str | None = None) -> None:
        """Let go of the candidate that is loading, if there is one; where `bundle` is given, only if that is it."""
        with self._changing:
            loading = self._loading
            if loading is None or bundle not in {None, loading.record.bundle}:
                return
            self._loading = None
        _close(loading)
        _settle(loading, reason)

    def close(self) -> None:
        """End it until the next start. May be called more than once."""
        for candidate in (self._loading, self._looking):
            _close(candidate)

    # Any thread

    @property
    def bundle(self) -> str | None:
        """Name of the candidate's bundle."""
        looking = self._looking
        return None if looking is None else looking.record.bundle

    @property
    def loading(self) -> str | None:
        """Name of the bundle that is loading to be the candidate."""
        loading = self._loading
        return None if loading is None else loading.record.bundle

    @property
    def standing(self) -> ShadowStanding | None:
        """The candidate, and how it compares; where there is none, the one that is loading."""
        candidate = self._looking or self._loading
        if candidate is None:
            return None
        record, trial = candidate.record, candidate.trial
        if trial is None:
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
    def _trial(self) -> Trial | None:
        looking = self._looking
        return None if looking is None else looking.trial

    @property
    def _state(self) -> ShadowState:
        """Of the one that looks on; of none, that it failed."""
        trial = self._trial
        return ShadowState.FAILED if trial is None else trial.state

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
            lambda: self._loaded(record),
            lambda reason: self._failed(record, reason),
            program=self._program,
            patience_s=self._patience_s,
        )

    # By the trial's thread

    def _loaded(self, record: ShadowRecord) -> None:
        """
        Raises:
            RegistryError: the registry cannot be written; the one before looks on.
        """
        with self._changing:
            loaded, before = self._loading, self._looking
            if loaded is None or loaded.record is not record:  # it goes on after a restart, or was given up meanwhile
                return
            write_record(self._directory, record)
            self._loading, self._looking = None, loaded
        try:
            _close(before)
            self._remove_results_but(record.bundle)
            log.info("a candidate looks on", bundle=record.bundle, who=record.who, why=record.why)
        finally:
            _settle(loaded, None)

    def _failed(self, record: ShadowRecord, reason: str) -> None:
        with self._changing:
            loading = self._loading
            if loading is not None and loading.record is record:
                self._loading = None
            else:
                loading = None
                self._record_failure(record, reason)
        _settle(loading, reason)

    def _record_failure(self, record: ShadowRecord, reason: str) -> None:
        if self._looking is None or self._looking.record is not record:  # it was ended meanwhile
            return
        log.warning("the candidate was stopped; the line goes on", bundle=record.bundle, reason=reason)
        try:
            write_record(self._directory, record.model_copy(update={"failure": reason}))
        except RegistryError as error:
            log.warning("that it was stopped is not recorded", error=str(error))

    def _remove_results_but(self, bundle: str) -> None:
        for results in self._directory.iterdir():
            if results.is_dir() and results.name != bundle:
                shutil.rmtree(results, ignore_errors=True)


def _close(candidate: _Candidate | None) -> None:
    if candidate is not None and candidate.trial is not None:
        candidate.trial.close()


def _settle(candidate: _Candidate | None, reason: str | None) -> None:
    if candidate is not None and candidate.settled is not None:
        candidate.settled(reason)


def results_in(registry: Path) -> Path:
    """Where a registry keeps what its candidates found, a directory for each."""
    return registry / "shadow"
