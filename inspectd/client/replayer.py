"""Asking for verdicts by number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import zmq
from pydantic import BaseModel

from inspectd.client.connection import Connection
from inspectd.client.messages import parsed, requested
from inspectd.closing import Closing
from inspectd.errors import ClientError
from inspectd.keys.files import read_client
from inspectd.wire.models import ReplayEnd, ReplayError, ReplayPage, ReplayRequest
from inspectd.wire.topics import REPLAY_END, REPLAY_ERROR, REPLAY_VERDICT

TIMEOUT_S = 5.0
TRIES = 2
WATERMARK = 1000


class _Numbered(BaseModel):
    sequence: int


class Answer(NamedTuple):
    """The beginning of a range that was asked for."""

    verdicts: list[bytes]
    """As they were published, by number."""
    end: ReplayEnd | ReplayPage


class Replayer(Closing):
    """A conversation with a daemon's replay socket. Belongs to one thread; to be closed."""

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S, keys: Path | None = None) -> None:
        """`timeout_s` is how long the daemon may be silent within an answer; `keys` is this client's file, where the
        daemon asks for one.

        Raises:
            KeysError: it cannot be used.
        """
        self._keys = None if keys is None else read_client(keys)
        self._address = address
        self._timeout_s = timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: Connection | None = None

    def ask(self, first: int, last: int | None = None) -> Answer:
        """One answer: of the verdicts from `first` to `last` (the newest where None) as many as an answer holds.

        Raises:
            ClientError: no whole answer came, or the request was refused, or this client is not let in.
        """
        request = requested(ReplayRequest(first=first, last=last))
        for _ in range(TRIES):
            answer = self._try(request)
            if answer is not None:
                return answer
        raise ClientError(
            f"no replay from '{self._address}' in {TRIES} tries of {self._timeout_s:g} s; is the daemon running, "
            "and is this its publish.replay?"
        )

    def _try(self, request: bytes) -> Answer | None:
        # What is left of an answer given up must not be taken for the next one's: each try has a socket of its own.
        if self._socket is None:
            self._socket = Connection(self._context, zmq.DEALER, self._address, WATERMARK, self._keys)
        self._socket.send(request)
        verdicts: list[bytes] = []
        while self._socket.poll(round(self._timeout_s * 1000)):
            kind, *rest = self._socket.recv_multipart()
            body = rest[0] if rest else b""
            if kind == REPLAY_VERDICT:
                verdicts.append(body)
            elif kind == REPLAY_END:
                end = parsed(ReplayEnd, body)
                if end.sent == len(verdicts):
                    return Answer(verdicts, end)
                break
            else:
                raise ClientError(_refusal(kind, body, self._address))
        self._drop()
        return None

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """End the conversation. May be called more than once."""
        self._drop()
        self._context.term()


def replay(
    address: str, first: int, last: int | None = None, timeout_s: float = TIMEOUT_S, keys: Path | None = None
) -> Iterator[bytes]:
    """Every verdict that the journal holds from `first` to `last` (the newest where None), JSON, by number.

    `keys` is this client's file, where the daemon asks for one.

    Raises:
        ClientError: the daemon does not answer, or its journal was replaced meanwhile.
        KeysError: the file cannot be used.
    """
    with Replayer(address, timeout_s, keys) as replayer:
        yield from whole(replayer.ask, first, last)


def whole(ask: Callable[[int, int | None], Answer], first: int, last: int | None) -> Iterator[bytes]:
    """Every verdict of a range, of which one call of `ask` gives the beginning.

    Without a last number it ends with what was the newest at the first call: a fast line would always have a newer one.

    Raises:
        ClientError: as `ask`, or the journal was replaced meanwhile.
    """
    journal = None
    while last is None or first <= last:
        verdicts, end = ask(first, last)
        if journal not in {None, end.journal}:
            raise ClientError("the journal was replaced while it was read; ask again from the first number")
        if not verdicts:
            return
        yield from verdicts
        journal, first = end.journal, number_of(verdicts[-1]) + 1
        last = end.last if last is None else last


def number_of(verdict: bytes) -> int:
    """The sequence number of a verdict as it was published.

    Raises:
        ClientError: it is none.
    """
    return parsed(_Numbered, verdict).sequence


def _refusal(kind: bytes, body: bytes, address: str) -> str:
    if kind == REPLAY_ERROR:
        return f"'{address}' refused the replay: {parsed(ReplayError, body).error}"
    return f"'{address}' does not answer as a replay socket does; is this the daemon's publish.replay?"
