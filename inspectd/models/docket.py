"""What is asked of the models while the daemon runs: who is let in, what waits, and how each request stands."""

from __future__ import annotations

import queue
import threading
import time
from typing import Final

from inspectd.errors import ModelRefusedError
from inspectd.models.asked import SHADOW, Asked, word_for
from inspectd.wire.models import ChangeStanding, ChangeState
from inspectd.wire.times import utc_text

SETTLED: Final = frozenset({ChangeState.DONE, ChangeState.REFUSED})
KEPT_STANDINGS: Final = 8
"""Requests that were settled of which it is told how they went."""


class Docket:
    """Requests, from any thread, for the one that carries them out; how they stand is for any thread to set and read.

    Of the changes one at a time is under way, and of the candidates that load another one beside it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._standings: list[ChangeStanding] = []
        self._over = False

    def put(self, order: Asked) -> None:
        """Let a request in.

        Raises:
            ModelRefusedError: another one of its kind is under way, or no more are taken.
        """
        standing = _standing(order)
        with self._lock:
            for under_way in self._standings:
                if under_way.state not in SETTLED and _loads(under_way) == _loads(standing):
                    raise ModelRefusedError(_told_busy(under_way))
            if self._over:
                raise ModelRefusedError("the daemon is ending")
            self._standings.append(standing)
            self._forget_old()
            self._orders.put(order)

    def take(self, timeout_s: float) -> Asked | None:
        """The next request; None where all were taken, and no more will come.

        Raises:
            queue.Empty: there was none in time.
        """
        return self._orders.get(timeout=timeout_s)

    @property
    def waits(self) -> bool:
        """Whether there is something to take."""
        return not self._orders.empty()

    def close(self) -> None:
        """Let no more in. May be called more than once."""
        with self._lock:  # or a request that was let in meanwhile would come after the end, and never be answered for
            self._over = True
            self._orders.put(None)

    @property
    def over(self) -> bool:
        """Whether no more are let in."""
        return self._over

    @property
    def standings(self) -> tuple[ChangeStanding, ...]:
        """What was asked for in this boot, and how it stands; the newest last. Of those settled, the last few."""
        with self._lock:
            return tuple(self._standings)

    def tell(self, order: Asked, **update: object) -> None:
        """A request stands otherwise now: fields of its `ChangeStanding`."""
        with self._lock:
            self._standings = [
                standing.model_copy(update=update) if standing.ticket == order.id else standing
                for standing in self._standings
            ]

    def _forget_old(self) -> None:
        settled = [standing for standing in self._standings if standing.state in SETTLED]
        for standing in settled[:-KEPT_STANDINGS]:
            self._standings.remove(standing)


def _standing(order: Asked) -> ChangeStanding:
    return ChangeStanding(
        ticket=order.id,
        request=word_for(order),
        bundle=order.bundle,
        state=ChangeState.LOADING,
        who=order.who,
        asked_utc=utc_text(time.time_ns()),
    )


def _loads(standing: ChangeStanding) -> bool:
    """Whether it is a candidate's, which loads beside everything else."""
    return standing.request == SHADOW and standing.bundle is not None


def _told_busy(under_way: ChangeStanding) -> str:
    told = f"{under_way.request} by {under_way.who} is under way ({under_way.state})"
    if _loads(under_way):
        return f"{told}: {under_way.bundle} loads; wait for it, or 'inspectd models shadow --stop'"
    return f"{told}; ask again later"
