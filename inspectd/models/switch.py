"""Changing the model of the running daemon, on a thread of its own, one change after the other.

Whoever asks gets a ticket at once. The new engine is loaded and checked beside the running one, which judges on until
the inspector has taken the new one, and for good where that may not be. A candidate that is to look on loads beside all
that, in a process of its own, which may take many minutes: no change waits for it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, Self

import structlog

from engines.errors import BundleError, EnginesError
from inspectd.closing import Closing
from inspectd.errors import InspectdError, ModelRefusedError, RegistryError
from inspectd.models.asked import Asked, Deletion, Looking, NoLooking, word_for
from inspectd.models.catalogue import Catalogue
from inspectd.models.change import Order, carry_out
from inspectd.models.deleting import delete
from inspectd.models.docket import Docket
from inspectd.models.live import Live, Load
from inspectd.models.registry import Registry
from inspectd.pipeline.model import Model
from inspectd.settings import ModelSettings
from inspectd.shadow.shadow import Shadow
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeStanding, ChangeState

EXAMINE_S: Final = 5.0
"""How often it is looked whether a bundle was added that nobody has verified."""
CLOSE_S: Final = 5.0
"""How long the end waits for a change under way; a model that is being loaded is then not taken."""

log = structlog.get_logger(__name__)


class Switcher(Closing):
    """Changes the model as long as it is entered."""

    def __init__(
        self,
        registry: Registry,
        settings: ModelSettings,
        *,
        running: Callable[[], Model],
        load: Load,
        adopt: Callable[[Model, ChangeDraft], None],
        on_fatal: Callable[[Exception], None],
        shadow: Shadow,
    ) -> None:
        """`running` gives the model in effect, `adopt` puts another in its place; `on_fatal` is called where it cannot.
        The daemon holds the registry; who closes the `shadow` is its maker."""
        self.registry = registry
        self.shadow = shadow
        self.catalogue = Catalogue(registry)
        self._settings = settings
        self._docket = Docket()
        self._hands = Live(
            registry,
            running=running,
            load=load,
            adopt=adopt,
            is_over=lambda: self._docket.over,
            on_fatal=on_fatal,
        )
        self._thread = threading.Thread(target=self._run, name="model switch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def stop(self) -> None:
        """Take no more requests, and no model that is being loaded."""
        self._docket.close()

    def close(self) -> None:
        """Stop, and wait for a change under way, but not for long. May be called more than once."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def ask(self, order: Asked) -> str:
        """Have something done, and return at once. Returns the ticket by which `standings` tells how it goes.

        Raises:
            ModelRefusedError: another change is under way, or the daemon ends. For a candidate: another one is loading.
        """
        self._docket.put(order)
        return order.id

    @property
    def standings(self) -> tuple[ChangeStanding, ...]:
        """See `Docket.standings`."""
        return self._docket.standings

    # The thread

    def _run(self) -> None:
        while (order := self._next()) is not None:
            try:
                self._do(order)
            except (InspectdError, EnginesError) as error:
                self._refused(order, str(error))
            except Exception as error:
                log.exception("a change of the model failed")
                self._refused(order, repr(error))
        self.shadow.give_up("the daemon is ending")

    def _next(self) -> Asked | None:
        """The next order; while there is none, bundles are verified that nobody has verified."""
        while True:
            try:
                return self._docket.take(0 if self._examined_one() else EXAMINE_S)
            except queue.Empty:
                continue

    def _examined_one(self) -> bool:
        try:
            return not self._docket.waits and self.catalogue.examine_next()
        except InspectdError:  # told to whoever asks for the list
            return False

    def _do(self, order: Asked) -> None:
        match order:
            case Deletion():
                self._delete(order)
            case Looking():
                self._look_on(order)
            case NoLooking():
                self._end_looking(order)
            case Order():
                self._change(order)

    def _delete(self, order: Deletion) -> None:
        if order.bundle in {self.shadow.bundle, self.shadow.loading}:
            raise ModelRefusedError(
                f"{order.bundle} is in the shadow; 'inspectd models shadow --stop' before you delete it"
            )
        delete(self.registry, order.bundle)
        log.info("model deleted", bundle=order.bundle, who=order.who, why=order.why)
        self._done(order)

    def _look_on(self, order: Looking) -> None:
        active = self.registry.active()
        if active is not None and active.judging.bundle == order.bundle:
            raise ModelRefusedError(f"{order.bundle} judges; a candidate is another one")
        self._docket.tell(order, state=ChangeState.CHECKING)
        self.shadow.begin(order.bundle, who=order.who, why=order.why, settled=partial(self._candidate_settled, order))

    def _candidate_settled(self, order: Looking, refusal: str | None) -> None:
        """By the candidate's thread, or by that of whoever ended it."""
        if refusal is None:
            self._done(order)
        else:
            self._refused(order, refusal)

    def _end_looking(self, order: NoLooking) -> None:
        self.shadow.end(f"stopped by {order.who}: {order.why}")
        log.info("no candidate looks on any more", who=order.who, why=order.why)
        self._done(order)

    def _change(self, order: Order) -> None:
        tried: list[str] = []

        def step(state: ChangeState, bundle: str) -> None:
            tried.append(bundle)
            self._docket.tell(order, state=state, bundle=bundle)

        try:
            carried = carry_out(order, self.registry, self._settings, self._hands, step)
        except BundleError as error:
            self.catalogue.found_damaged(tried[-1], str(error))
            raise
        change = carried.change
        log.info(
            "model changed",
            action=change.action,
            bundle=change.bundle,
            threshold=change.threshold,
            bundle_before=change.bundle_before,
            threshold_before=change.threshold_before,
            who=change.who,
            why=change.why,
        )
        if carried.doubt is not None:
            log.warning("a change of the model may be undone by a power cut", reason=carried.doubt)
        self._no_candidate_any_more(change.bundle)
        self._done(order, carried.doubt)

    def _no_candidate_any_more(self, bundle: str) -> None:
        try:
            self.shadow.end(f"{bundle} judges now", bundle)
        except RegistryError as error:  # what was asked for is done all the same
            log.warning("the model that judges looks on too", error=str(error))

    # How an order stands; the candidate's thread too

    def _done(self, order: Asked, doubt: str | None = None) -> None:
        self._docket.tell(order, state=ChangeState.DONE, reason=doubt)

    def _refused(self, order: Asked, reason: str) -> None:
        self._docket.tell(order, state=ChangeState.REFUSED, reason=reason)
        log.warning("a change of the model was refused", request=word_for(order), reason=reason, who=order.who)
