"""What the daemon answers to requests on its control socket. Nothing here takes longer than a trigger may wait."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pydantic import BaseModel

from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.errors import ModelRefusedError, RequestRefusedError
from inspectd.journal import Journal
from inspectd.models.asked import Asked, Deletion, Looking, NoLooking
from inspectd.models.change import Order, bounds, check_bounds
from inspectd.models.listing import listed
from inspectd.models.switch import Switcher
from inspectd.pipeline.inspector import Inspector
from inspectd.replay import page
from inspectd.settings import Settings
from inspectd.shadow.shadow import Shadow
from inspectd.trigger import take_trigger
from inspectd.web.counts import take_count
from inspectd.wire.models import (
    ActivateRequest,
    ChangeAccepted,
    ChangeAction,
    ControlRequest,
    DaemonState,
    DeleteRequest,
    DrainAccepted,
    DrainRequest,
    EncoderRequest,
    Heartbeat,
    ModelChangeRequest,
    Models,
    ModelsRequest,
    ModelStanding,
    PromoteRequest,
    ReplayRequest,
    RollbackRequest,
    ShadowRequest,
    ShadowState,
    Status,
    StatusRequest,
    ThresholdRequest,
    TriggerRequest,
    UndoRequest,
)

log = structlog.get_logger(__name__)


class Requests:
    """Answers; on the control socket's thread."""

    def __init__(
        self,
        settings: Settings,
        inspector: Inspector,
        capture: CaptureSupervisor,
        switcher: Switcher | None,
        journal: Journal,
        *,
        state: Callable[[], DaemonState],
        heartbeat: Callable[[], Heartbeat | None],
        drain: Callable[[], None],
    ) -> None:
        """`switcher` is None where the configuration names the bundle; `heartbeat` gives the last one sent; `drain` has
        the daemon end."""
        self._settings = settings
        self._inspector = inspector
        self._capture = capture
        self._switcher = switcher
        self._journal = journal
        self._state = state
        self._heartbeat = heartbeat
        self._drain = drain

    def answer(self, request: ControlRequest) -> BaseModel | tuple[BaseModel, list[bytes]]:
        """Do what is asked, or have it done, and say so; see `inspectd.control.Handle`.

        Raises:
            RequestRefusedError: it is not done.
            RegistryError: the registry cannot be read.
            JournalError: the journal cannot be read.
        """
        match request:
            case StatusRequest():
                return self._status()
            case ModelsRequest():
                return self._models()
            case ReplayRequest():
                return self._replay(request)
        return self._done(request)

    def _done(self, request: TriggerRequest | EncoderRequest | DrainRequest | ModelChangeRequest) -> BaseModel:
        state = self._state()
        if state is not DaemonState.INSPECTING:
            raise RequestRefusedError(f"the daemon is {state}; it takes such requests while it is inspecting")
        match request:
            case TriggerRequest():
                return take_trigger(request, self._settings.cameras, self._inspector, self._capture)
            case EncoderRequest():
                return take_count(self._inspector.encoders, request)
            case DrainRequest():
                return self._end(request)
        return self._change(request)

    def _status(self) -> Status:
        model, settings = self._inspector.model, self._settings.model
        own = model.bundle.calibration.threshold
        least, most = bounds(own, settings)
        return Status(
            heartbeat=self._heartbeat(),
            model=ModelStanding(
                bundle=model.name,
                surface=model.bundle.surface,
                threshold=model.threshold,
                own_threshold=own,
                least_threshold=least,
                most_threshold=most,
                live=self._switcher is not None,
            ),
            changes=self._switcher.standings if self._switcher else (),
            shadow=self._switcher.shadow.standing if self._switcher else None,
        )

    def _models(self) -> Models:
        switcher = self._live()
        shadow = switcher.shadow.standing
        return Models(
            registry=str(switcher.registry.directory),
            models=listed(switcher.catalogue.entries(), switcher.registry.active(), shadow.bundle if shadow else None),
            changes=switcher.standings,
            shadow=shadow,
        )

    def _replay(self, request: ReplayRequest) -> tuple[BaseModel, list[bytes]]:
        with self._journal.reader() as reader:
            return page(reader, request)

    def _end(self, request: DrainRequest) -> DrainAccepted:
        log.info("asked to end", who=request.who, why=request.why)
        self._drain()
        return DrainAccepted(open_frames=self._inspector.open_frames)

    def _change(self, request: ModelChangeRequest) -> ChangeAccepted:
        switcher = self._live()
        order: Asked
        match request:
            case ActivateRequest():
                bundle = switcher.registry.find(request.model).bundle
                order = Order(action=ChangeAction.ACTIVATE, bundle=bundle, who=request.who, why=request.why)
            case DeleteRequest():
                order = Deletion(switcher.registry.find(request.model).bundle, who=request.who, why=request.why)
            case ThresholdRequest(value=value):
                # Told at once; it is seen to again when its turn comes, for another bundle may have been activated.
                check_bounds(value, self._inspector.model.bundle.calibration.threshold, self._settings.model)
                order = Order(action=ChangeAction.THRESHOLD, threshold=value, who=request.who, why=request.why)
            case RollbackRequest():
                order = Order(action=ChangeAction.ROLLBACK, who=request.who, why=request.why)
            case ShadowRequest(model=None):
                order = NoLooking(who=request.who, why=request.why)
            case ShadowRequest(model=str(model)):
                order = Looking(switcher.registry.find(model).bundle, who=request.who, why=request.why)
            case PromoteRequest():
                bundle = _candidate(switcher.shadow)
                order = Order(action=ChangeAction.PROMOTE, bundle=bundle, who=request.who, why=request.why)
            case UndoRequest():
                order = Order(action=ChangeAction.UNDO, who=request.who, why=request.why)
        return ChangeAccepted(ticket=switcher.ask(order))

    def _live(self) -> Switcher:
        if self._switcher is None:
            raise ModelRefusedError(
                f"model.bundle = '{self._settings.model.bundle}' names what judges; set model.registry in its place "
                "to change models and thresholds while the line runs (docs/models.md)"
            )
        return self._switcher


def _candidate(shadow: Shadow) -> str:
    """The bundle to promote."""
    bundle, standing = shadow.bundle, shadow.standing
    if standing is None:
        raise ModelRefusedError("no candidate looks on; 'inspectd models shadow MODEL' has one do so")
    if standing.bundle != bundle:
        raise ModelRefusedError(
            f"{standing.bundle} is loading and has looked at no frame yet; see first how it compares, or activate it"
        )
    if standing.state is ShadowState.FAILED:
        raise ModelRefusedError(f"the candidate {standing.bundle} was stopped: {standing.reason}")
    return standing.bundle
