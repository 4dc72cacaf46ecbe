"""Where a bridge hears the daemon: a client that does not let a gap be until it is filled or known to be for ever."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import structlog

from inspectd.bridges.handover import Position
from inspectd.client import Client, Event, Gap, JournalReplaced, Replayer
from inspectd.client.messages import parsed_numbered
from inspectd.closing import Closing
from inspectd.errors import ClientError, NotAdmittedError
from inspectd.sparing import Sparing
from inspectd.wire.models import Numbered

REPLAY_TIMEOUT_S = 1.0
"""Patience with an answer; what does not come is asked for again."""
PAUSE_S = 0.25
"""Between two tries."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Repairing:
    """Verdicts are missing and are being asked for; nothing newer is told until they are there or lost."""

    first: int
    last: int


@dataclass(frozen=True)
class Repaired:
    """Nothing is missing any more."""


@dataclass(frozen=True)
class Lost:
    """Verdicts that the daemon no longer has."""

    first: int
    last: int


Heard = Event | Repairing | Repaired | Lost
NUMBERED = (*get_args(Numbered), Lost, JournalReplaced)
"""What may have to be handed over."""


class Source(Closing):
    """Everything the daemon says, in order. Belongs to one thread; to be closed."""

    def __init__(self, verdicts: str, replay: str, after: Position | None, keys: Path | None = None) -> None:
        """Connect, and begin after a position, or with what is published next; `keys` is this client's file.

        Raises:
            ClientError: an address is none.
            KeysError: the file of keys cannot be used.
        """
        self._journal = None if after is None else after.journal
        self._missing: Repairing | None = None
        self._repaired: deque[Heard] = deque()
        self._refused = Sparing(log.error, "the daemon does not let this bridge in")
        self._replayer = Replayer(replay, REPLAY_TIMEOUT_S, keys)
        self._client = Client(
            verdicts,
            replay=replay,
            since=None if after is None else after.sequence + 1,
            journal=self._journal,
            replay_timeout_s=REPLAY_TIMEOUT_S,
            keys=keys,
        )

    def receive(self, timeout_s: float) -> Heard | None:
        """The next event; None where none came in time, which may be later by what a replay takes."""
        if not self._repaired and self._missing is not None:
            self._repair(self._missing)
        if self._repaired:
            return self._repaired.popleft()
        return None if self._missing is not None else self._listen(timeout_s)

    def _listen(self, timeout_s: float) -> Heard | None:
        try:
            event = self._client.receive(timeout_s)
        except NotAdmittedError as error:
            self._refused.tell(error=str(error))
            return None
        except ClientError as error:
            log.warning("a message was passed over", error=str(error))
            return None
        if isinstance(event, Gap):
            log.warning("verdicts are missing", first=event.first, last=event.last, why=event.detail)
            self._missing = Repairing(event.first, event.last)
            return self._missing
        if isinstance(event, Numbered | JournalReplaced):
            self._journal = event.journal
        return event

    def _repair(self, missing: Repairing) -> None:
        """One try; what cannot be had for good is told as lost."""
        try:
            answer = self._replayer.ask(missing.first, missing.last)
            known = [] if answer.end.journal != self._journal else [parsed_numbered(body) for body in answer.verdicts]
        except ClientError as error:
            log.warning("still missing", first=missing.first, last=missing.last, why=str(error))
            time.sleep(PAUSE_S)
            return
        following = missing.first
        for verdict in known:
            self._lose(following, verdict.sequence - 1)
            self._repaired.append(verdict)
            following = verdict.sequence + 1
        if known and following <= missing.last:
            self._missing = Repairing(following, missing.last)
            return
        self._lose(following, missing.last)
        self._missing = None
        self._repaired.append(Repaired())

    def _lose(self, first: int, last: int) -> None:
        if first <= last:
            log.error("verdicts are lost", first=first, last=last)
            self._repaired.append(Lost(first, last))

    def close(self) -> None:
        """Close the sockets. May be called more than once."""
        self._replayer.close()
        self._client.close()
