"""Carrying out what is asked of a registry: another bundle judges, or the threshold is moved.

The order is always the same: the bundle is read and verified, the model tried out, the record written, the model taken.
Up to the record nothing has happened, and from there on it has: whoever is killed after it finds the new model at the
next start. So it is too where the disk does not confirm the record: what judges is what the record says.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from calib.calibration import Calibration
from engines.bundle import Bundle
from inspectd.errors import ModelRefusedError
from inspectd.models.active import Active, Judging, activated
from inspectd.models.registry import Registry
from inspectd.settings import ModelSettings
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeAction, ChangeState


def new_id() -> str:
    """Names a request, and the change that comes of it."""
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for."""

    action: ChangeAction
    who: str
    why: str
    bundle: str | None = None
    """Name of the bundle to activate or promote."""
    threshold: float | None = None
    """Where the threshold is to be moved."""
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Carried:
    """What came of an order: it is in effect."""

    change: ChangeDraft
    doubt: str | None
    """Why it may not be any more after a power cut; None: it will be."""


class Hands(ABC):
    """Whoever tries models out and takes them: the running daemon, or a command without one."""

    @abstractmethod
    def bundle(self, name: str) -> Bundle:
        """A bundle of the registry, verified.

        Raises:
            BundleError: it is damaged or not there.
        """

    @abstractmethod
    def try_out(self, bundle: Bundle, calibration: Calibration) -> None:
        """Load the model and see that it may judge; it is held until `take` or `drop`.

        Raises:
            InspectdError, EnginesError: it may not.
        """

    @abstractmethod
    def take(self, change: ChangeDraft) -> None:
        """Judge by the model that was tried out. It is recorded already.

        Raises:
            InspectdError: that cannot be; the message says what will judge.
        """

    @abstractmethod
    def drop(self) -> None:
        """Let the model go that was tried out."""


def carry_out(
    order: Order, registry: Registry, settings: ModelSettings, hands: Hands, tell: Callable[[ChangeState, str], None]
) -> Carried:
    """Do what is asked, once; whoever calls holds the registry. `tell` is told each step, with the bundle's name.

    Raises:
        InspectdError, EnginesError: it is not done; what judged judges on, unless `Hands.take` raised.
    """
    before = registry.active()
    wanted = _wanted(order, before)
    name = wanted.judging.bundle
    tell(ChangeState.LOADING, name)
    bundle = hands.bundle(name)
    calibration = effective(bundle, wanted.judging)
    if order.action is ChangeAction.THRESHOLD:
        check_bounds(calibration.threshold, bundle.calibration.threshold, settings)
    standing = _standing(before, registry, bundle)
    tell(ChangeState.CHECKING, name)
    hands.try_out(bundle, calibration)
    change = _change(order, bundle, calibration.threshold, standing)
    try:
        doubt = registry.write_active(wanted.told(change))
    except BaseException:
        hands.drop()
        raise
    hands.take(change)
    return Carried(change, doubt)


def effective(bundle: Bundle, judging: Judging) -> Calibration:
    """The bundle's calibration, with the threshold that counts."""
    if judging.threshold is None:
        return bundle.calibration
    return bundle.calibration.model_copy(update={"threshold": judging.threshold})


def bounds(own: float, settings: ModelSettings) -> tuple[float, float]:
    """Between what the threshold of a bundle may be moved, `own` being its own."""
    return own * settings.threshold_least, own * settings.threshold_most


def check_bounds(threshold: float, own: float, settings: ModelSettings) -> None:
    """
    Raises:
        ModelRefusedError: the threshold is out of bounds.
    """
    least, most = bounds(own, settings)
    if not least <= threshold <= most:
        raise ModelRefusedError(
            f"{threshold:g} is not between {least:g} and {most:g}, which is {settings.threshold_least:g} to "
            f"{settings.threshold_most:g} times the bundle's own threshold, {own:g} (model.threshold_least, _most); "
            "where that does not do, the surface should be learned anew"
        )


def _wanted(order: Order, before: Active | None) -> Active:
    """What would be in effect."""
    if order.action in (ChangeAction.ACTIVATE, ChangeAction.PROMOTE):
        assert order.bundle is not None
        return activated(before, order.bundle)
    if before is None:
        raise ModelRefusedError("no model is active yet; activate one")
    if order.action is ChangeAction.ROLLBACK:
        return before.rolled_back()
    if order.action is ChangeAction.UNDO:
        return before.threshold_put_back()
    assert order.threshold is not None
    return before.threshold_moved(order.threshold)


def _standing(before: Active | None, registry: Registry, bundle: Bundle) -> tuple[str, float]:
    """The bundle that judges so far, and its threshold; where none does, the new one's own."""
    if before is None:
        return bundle.path.name, bundle.calibration.threshold
    judging = before.judging
    if judging.threshold is not None:
        return judging.bundle, judging.threshold
    own = next((note.threshold for note in registry.notes() if note.bundle == judging.bundle), None)
    if own is None:  # somebody removed it by hand; the last change says what it came to
        own = before.changes[-1].threshold if before.changes else bundle.calibration.threshold
    return judging.bundle, own


def _change(order: Order, bundle: Bundle, threshold: float, before: tuple[str, float]) -> ChangeDraft:
    return ChangeDraft(
        id=order.id,
        action=order.action,
        surface=bundle.surface,
        bundle=bundle.path.name,
        bundle_before=before[0],
        threshold=threshold,
        threshold_before=before[1],
        who=order.who,
        why=order.why,
        changed_utc_ns=time.time_ns(),
        changed_monotonic_ns=time.monotonic_ns(),
    )
