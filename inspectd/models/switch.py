"""Changing the model of the running daemon, on a thread of its own, one change after the other.

Whoever asks gets a ticket at once. The new engine is loaded and checked beside the running one, which judges on until
the inspector has taken the new one, and for good where that may not be. A candidate that is to look on loads beside all
that, in a process of its own, which may take many minutes: no change waits for it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final, Self

import structlog

from calib.calibration import Calibration
from engines.bundle import Bundle
from engines.errors import BundleError, EnginesError
from inspectd.closing import Closing
from inspectd.errors import InspectdError, ModelRefusedError, RegistryError
from inspectd.models.catalogue import Catalogue
from inspectd.models.change import Hands, Order, carry_out, new_id
from inspectd.models.registry import Registry
from inspectd.pipeline.model import Model
from inspectd.settings import ModelSettings
from inspectd.shadow.shadow import Shadow
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeStanding, ChangeState
from inspectd.wire.times import utc_text

SETTLED: Final = frozenset({ChangeState.DONE, ChangeState.REFUSED})
KEPT_STANDINGS: Final = 8
"""Requests that were settled of which it is told how they went."""
SHADOW: Final = "shadow"
"""What a request about a candidate is called; so on the wire."""
EXAMINE_S: Final = 5.0
"""How often it is looked whether a bundle was added that nobody has verified."""
CLOSE_S: Final = 5.0
"""How long the end waits for a change under way; a model that is being loaded is then not taken."""

Load = Callable[[Bundle, Calibration, Model], Model]
"""Makes a model that may take the place of the last argument. Raises InspectdError or EnginesError."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Deletion:
    """Asks that a bundle be removed."""

    bundle: str
    who: str
    why: str
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Looking:
    """Asks that a bundle look on in the shadow, once it is loaded."""

    bundle: str
    who: str
    why: str
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class NoLooking:
    """Asks that none look on any more, and none load to do so."""

    who: str
    why: str
    bundle: ClassVar[None] = None
    id: str = field(default_factory=new_id)


Asked = Order | Deletion | Looking | NoLooking


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
        self._over = threading.Event()
        self._hands = Live(
            registry, running=running, load=load, adopt=adopt, is_over=self._over.is_set, on_fatal=on_fatal
        )
        self._orders: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._standings: list[ChangeStanding] = []
        self._thread = threading.Thread(target=self._run, name="model switch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def stop(self) -> None:
        """Take no more requests, and no model that is being loaded."""
        with self._lock:  # or a request that was let in meanwhile would come after the end, and never be answered for
            self._over.set()
            self._orders.put(None)

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
        standing = _standing(order)
        with self._lock:
            for under_way in self._standings:
                if under_way.state not in SETTLED and _loads(under_way) == _loads(standing):
                    raise ModelRefusedError(_told_busy(under_way))
            if self._over.is_set():
                raise ModelRefusedError("the daemon is ending")
            self._standings.append(standing)
            self._forget_old()
            self._orders.put(order)
        return order.id

    @property
    def standings(self) -> tuple[ChangeStanding, ...]:
        """What was asked for in this boot, and how it stands; the newest last."""
        with self._lock:
            return tuple(self._standings)

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
                return self._orders.get(timeout=0 if self._examined_one() else EXAMINE_S)
            except queue.Empty:
                continue

    def _examined_one(self) -> bool:
        try:
            return self._orders.empty() and self.catalogue.examine_next()
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
        self._stands(order, state=ChangeState.CHECKING)
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
            self._stands(order, state=state, bundle=bundle)

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
        self._stands(order, state=ChangeState.DONE, reason=doubt)

    def _refused(self, order: Asked, reason: str) -> None:
        self._stands(order, state=ChangeState.REFUSED, reason=reason)
        log.warning("a change of the model was refused", request=_word_for(order), reason=reason, who=order.who)

    def _stands(self, order: Asked, **update: object) -> None:
        with self._lock:
            self._standings = [
                standing.model_copy(update=update) if standing.ticket == order.id else standing
                for standing in self._standings
            ]

    def _forget_old(self) -> None:
        settled = [standing for standing in self._standings if standing.state in SETTLED]
        for standing in settled[:-KEPT_STANDINGS]:
            self._standings.remove(standing)


def delete(registry: Registry, bundle: str) -> None:
    """Remove a bundle and the way back to it; whoever calls holds the registry.

    Raises:
        ModelRefusedError: it judges, or did before.
        RegistryError: it cannot be removed.
    """
    active = registry.active()
    if active is not None:
        left = active.without(bundle)
        doubt = registry.write_active(left) if left != active else None
        if doubt is not None:
            raise RegistryError(f"{bundle} is kept, for a way back to it may come back: {doubt}")
    registry.delete(bundle)


def _loads(standing: ChangeStanding) -> bool:
    """Whether it is a candidate's, which loads beside everything else."""
    return standing.request == SHADOW and standing.bundle is not None


def _told_busy(under_way: ChangeStanding) -> str:
    told = f"{under_way.request} by {under_way.who} is under way ({under_way.state})"
    if _loads(under_way):
        return f"{told}: {under_way.bundle} loads; wait for it, or 'inspectd models shadow --stop'"
    return f"{told}; ask again later"


def _standing(order: Asked) -> ChangeStanding:
    return ChangeStanding(
        ticket=order.id,
        request=_word_for(order),
        bundle=order.bundle,
        state=ChangeState.LOADING,
        who=order.who,
        asked_utc=utc_text(time.time_ns()),
    )


def _word_for(order: Asked) -> str:
    match order:
        case Deletion():
            return "delete"
        case Looking() | NoLooking():
            return SHADOW
        case Order(action=action):
            return str(action)
