"""Replay: answers requests for verdicts by number, from the journal, on a ROUTER socket with a thread of its own.

A ROUTER drops what a peer does not take. So an answer never holds more than the socket keeps for a peer, and the peer
asks on; one that asks faster than it reads gets an answer without its end, which it can tell.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import structlog
import zmq
from pydantic import ValidationError

from inspectd.errors import JournalError
from inspectd.journal import Journal, JournalReader
from inspectd.sockets import bound_socket
from inspectd.wire.models import ReplayEnd, ReplayError, ReplayRequest
from inspectd.wire.topics import REPLAY_END, REPLAY_ERROR, REPLAY_VERDICT

ANSWER_VERDICTS = 1000
"""Most verdicts in an answer."""
ANSWER_BYTES = 4 << 20
"""An answer ends with the verdict that reaches this size."""
WATERMARK = 2 * (ANSWER_VERDICTS + 1)
"""Messages kept for a peer: the answer it reads and the one it has asked for."""
LINGER_MS = 500
MAX_REQUEST_BYTES = 4096

log = structlog.get_logger(__name__)


class ReplayServer:
    """Answers as long as it is entered."""

    def __init__(self, address: str, journal: Journal) -> None:
        """`journal` is open; it is read over a connection of this server's own."""
        self._address = address
        self._journal = journal
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def start(self) -> None:
        """Bind the socket and begin to answer.

        Raises:
            PublishError: the address cannot be bound.
        """
        self._context.setsockopt(zmq.LINGER, LINGER_MS)
        options: dict[int, int] = {
            zmq.SNDHWM: WATERMARK,
            zmq.MAXMSGSIZE: MAX_REQUEST_BYTES,
            zmq.ROUTER_MANDATORY: 1,  # we are told of a peer that does not take its answer
        }
        self._socket = bound_socket(self._context, zmq.ROUTER, "publish.replay", self._address, options)
        self._thread.start()

    def close(self) -> None:
        """Stop answering. May be called more than once."""
        self._context.term()  # ends the thread's wait; returns when it has closed its socket
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        assert self._socket is not None
        try:
            with self._journal.reader() as reader:
                while True:
                    self._serve(self._socket, reader)
        except zmq.ContextTerminated:
            pass
        except Exception:
            log.exception("replay failed; verdicts are inspected and published, but not replayed, until a restart")
        finally:
            self._socket.close()

    def _serve(self, socket: zmq.Socket[bytes], reader: JournalReader) -> None:
        identity, *request = socket.recv_multipart()
        try:
            for parts in answer(reader, request):
                socket.send_multipart([identity, *parts], zmq.NOBLOCK)
        except zmq.Again:
            log.warning("a replay client does not read its answer; the rest of it is dropped")
        except zmq.ContextTerminated:
            raise
        except zmq.ZMQError as error:  # the peer is gone
            log.debug("a replay client left", error=str(error))


def answer(reader: JournalReader, request: list[bytes]) -> Iterator[list[bytes]]:
    """The messages that answer a request, without the peer's identity."""
    if len(request) != 1:
        yield _error(f"a request is one part, JSON; this one has {len(request)} parts")
        return
    try:
        asked = ReplayRequest.model_validate_json(request[0])
    except ValidationError as error:
        yield _error("; ".join(f"{'.'.join(map(str, e['loc'])) or 'request'}: {e['msg']}" for e in error.errors()))
        return
    try:
        yield from _verdicts(reader, asked)
    except JournalError as error:
        log.exception("the journal cannot be read for a replay")
        yield _error(str(error))


def _verdicts(reader: JournalReader, asked: ReplayRequest) -> Iterator[list[bytes]]:
    bounds = reader.bounds()
    last = bounds.last if asked.last is None else min(asked.last, bounds.last)
    sent = size = 0
    for message in reader.read(asked.first, last, ANSWER_VERDICTS):
        yield [REPLAY_VERDICT, message]
        sent += 1
        size += len(message)
        if size >= ANSWER_BYTES:
            break
    end = ReplayEnd(journal=reader.journal_id, first=bounds.first, last=bounds.last, sent=sent)
    yield [REPLAY_END, end.model_dump_json().encode()]


def _error(text: str) -> list[bytes]:
    return [REPLAY_ERROR, ReplayError(error=text).model_dump_json().encode()]
