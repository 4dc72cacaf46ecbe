"""Changing a registry while no daemon judges with it. Asked like the daemon is over `inspectd.client.Controller`.

A model is tried out all the same: its engine is loaded in this process and must reproduce the golden tiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import ValidationError

from calib.calibration import Calibration
from engines.bundle import Bundle
from inspectd.errors import ModelRefusedError
from inspectd.model import camera_policies, load_model
from inspectd.models.catalogue import Catalogue
from inspectd.models.change import Hands, Order, bounds, carry_out, effective, new_id
from inspectd.models.deleting import delete
from inspectd.models.listing import listed
from inspectd.models.registry import Registry
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings, ModelSettings, Settings
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import (
    ChangeAction,
    ChangeStanding,
    ChangeState,
    Models,
    ModelStanding,
    Status,
    ThresholdRequest,
)
from inspectd.wire.models.control_models import ByWhom
from inspectd.wire.problems import problems
from inspectd.wire.times import utc_text

Tell = Callable[[ChangeStanding], None]


class Trial(Hands):
    """Tries a model out, and lets it go again."""

    def __init__(self, registry: Registry, settings: Settings | None) -> None:
        """`settings` have the engine and the cameras that it must fit; without them it must run on this PC's CPU."""
        self._registry = registry
        self._settings = settings

    def bundle(self, name: str) -> Bundle:
        """See `Hands`."""
        return self._registry.open(name)

    def try_out(self, bundle: Bundle, calibration: Calibration) -> None:
        """See `Hands`; a moved threshold was tried out with its bundle."""
        active = self._registry.active()
        if active is not None and active.judging.bundle == bundle.path.name:
            return
        settings = self._settings
        engine = settings.engine if settings else EngineSettings()
        cameras = camera_policies(settings.cameras) if settings else {}
        load_model(bundle, engine, cameras, make_engine, calibration=calibration).engine.close()

    def take(self, change: ChangeDraft) -> None:
        """See `Hands`; the next start of the daemon goes by the record."""

    def drop(self) -> None:
        """See `Hands`; it is gone already."""


class Offline:
    """A registry that nobody judges with; as `Controller`, where the methods have the same name."""

    def __init__(self, registry: Registry, settings: Settings | None) -> None:
        """`settings` are those of the daemon that will judge with it."""
        self._registry = registry
        self._settings = settings

    def status(self) -> Status:
        """What will judge."""
        active = self._registry.active()
        if active is None:
            return Status(model=None, changes=())
        bundle = self._registry.open(active.judging.bundle)
        own = bundle.calibration.threshold
        least, most = bounds(own, self._model)
        standing = ModelStanding(
            bundle=bundle.path.name,
            surface=bundle.surface,
            threshold=effective(bundle, active.judging).threshold,
            own_threshold=own,
            least_threshold=least,
            most_threshold=most,
            live=False,
        )
        return Status(model=standing, changes=())

    def models(self) -> Models:
        """What is there, every bundle verified."""
        entries = Catalogue(self._registry).examined()
        return Models(
            registry=str(self._registry.directory.absolute()), models=listed(entries, self._registry.active())
        )

    def activate(self, model: str, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:
        """See `Controller`."""
        bundle = self._registry.find(model).bundle
        return self._change(Order(action=ChangeAction.ACTIVATE, bundle=bundle, who=who, why=why), tell)

    def rollback(self, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:
        """See `Controller`."""
        return self._change(Order(action=ChangeAction.ROLLBACK, who=who, why=why), tell)

    def shadow(self, model: str | None, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:  # noqa: ARG002 - as Controller
        """See `Controller`."""
        raise ModelRefusedError("a candidate looks on beside a running daemon; start it first")

    def promote(self, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:  # noqa: ARG002 - as Controller
        """See `Controller`."""
        raise ModelRefusedError("no daemon runs; to have a candidate judge, activate it")

    def move_threshold(self, value: float, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:
        """See `Controller`."""
        _check(ThresholdRequest, value=value, who=who, why=why)
        return self._change(Order(action=ChangeAction.THRESHOLD, threshold=value, who=who, why=why), tell)

    def undo_threshold(self, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:
        """See `Controller`."""
        return self._change(Order(action=ChangeAction.UNDO, who=who, why=why), tell)

    def delete(self, model: str, *, who: str, why: str, tell: Tell | None = None) -> ChangeStanding:  # noqa: ARG002 - as Controller
        """See `Controller`; nothing keeps a record of it."""
        bundle = self._registry.find(model).bundle
        with self._registry.held():
            delete(self._registry, bundle)
        return _standing(new_id(), "delete", bundle, ChangeState.DONE, who)

    @property
    def _model(self) -> ModelSettings:
        return self._settings.model if self._settings else ModelSettings(registry=self._registry.directory)

    def _change(self, order: Order, tell: Tell | None) -> ChangeStanding:
        def step(state: ChangeState, bundle: str) -> None:
            if tell is not None:
                tell(_standing(order.id, str(order.action), bundle, state, order.who))

        _check(ByWhom, who=order.who, why=order.why)
        with self._registry.held():
            carried = carry_out(order, self._registry, self._model, Trial(self._registry, self._settings), step)
        done = _standing(order.id, str(order.action), carried.change.bundle, ChangeState.DONE, order.who)
        return done.model_copy(update={"reason": carried.doubt})


def _check(request: type[ByWhom], **asked: object) -> None:
    """What the daemon would not take as a request is not taken here either."""
    try:
        request.model_validate(asked)
    except ValidationError as error:
        raise ModelRefusedError(problems(error)) from error


def _standing(ticket: str, request: str, bundle: str, state: ChangeState, who: str) -> ChangeStanding:
    now = utc_text(time.time_ns())
    return ChangeStanding(ticket=ticket, request=request, bundle=bundle, state=state, who=who, asked_utc=now)
