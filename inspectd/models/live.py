"""The running daemon's hands: the new engine is loaded and checked beside the running one, and takes its place."""

from __future__ import annotations

from collections.abc import Callable

from calib.calibration import Calibration
from engines.bundle import Bundle
from inspectd.errors import ModelRefusedError, RegistryError
from inspectd.models.change import Hands
from inspectd.models.registry import Registry
from inspectd.pipeline.model import Model
from inspectd.wire.drafts import ChangeDraft

Load = Callable[[Bundle, Calibration, Model], Model]
"""Makes a model that may take the place of the last argument. Raises InspectdError or EnginesError."""


class Live(Hands):
    """The running daemon's."""

    def __init__(
        self,
        registry: Registry,
        *,
        running: Callable[[], Model],
        load: Load,
        adopt: Callable[[Model, ChangeDraft], None],
        is_over: Callable[[], bool],
        on_fatal: Callable[[Exception], None],
    ) -> None:
        """`running` gives the model in effect, `adopt` puts another in its place; `on_fatal` is called where it cannot.
        Once it `is_over`, no model is taken any more."""
        self._registry = registry
        self._running = running
        self._load = load
        self._adopt = adopt
        self._is_over = is_over
        self._on_fatal = on_fatal
        self._candidate: Model | None = None

    def bundle(self, name: str) -> Bundle:
        """See `Hands`; the one that judges is in memory already."""
        running = self._running()
        return running.bundle if running.name == name else self._registry.open(name)

    def try_out(self, bundle: Bundle, calibration: Calibration) -> None:
        """See `Hands`; a moved threshold needs no other engine."""
        running = self._running()
        if bundle is running.bundle:
            self._candidate = running.with_threshold(calibration.threshold)
        else:
            self._candidate = self._load(bundle, calibration, running)
        if self._is_over():
            self.drop()
            raise ModelRefusedError("the daemon is ending")

    def take(self, change: ChangeDraft) -> None:
        """See `Hands`."""
        assert self._candidate is not None
        try:
            self._adopt(self._candidate, change)
        except Exception as error:
            # What is recorded is not what judges: only a restart, which goes by the record, puts that right.
            self._on_fatal(error)
            raise RegistryError(
                f"{change.bundle} is recorded and cannot be taken ({error or repr(error)}); the daemon ends, and "
                f"judges with it, against {change.threshold:g}, when it is started again"
            ) from error
        self._candidate = None

    def drop(self) -> None:
        """See `Hands`."""
        candidate, self._candidate = self._candidate, None
        if candidate is not None and candidate.use is not self._running().use:
            candidate.engine.close()
