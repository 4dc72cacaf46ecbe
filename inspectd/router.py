"""Answering requests on a ROUTER socket, with a thread of its own.

A ROUTER drops what a peer does not take. So an answer is never longer than what the socket keeps for a peer, and a peer
that asks faster than it reads gets an answer without its end, which it can tell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Self

import structlog
import zmq

from inspectd.closing import Closing
from inspectd.doorkeeper import Guard
from inspectd.errors import PublishError
from inspectd.sockets import bound_socket, end_context
from inspectd.sparing import Sparing
from inspectd.vitals import Pulse

LINGER_MS = 500
REQUESTS_WATERMARK = 100
"""Requests of one peer that wait; it may send more when they are answered."""

Answer = Callable[[list[bytes]], Iterable[list[bytes]]]
"""From the parts of a request to the messages that answer it, both without the peer's identity."""

log = structlog.get_logger(__name__)


class Router(Closing):
    """Answers as long as it is entered."""

    def __init__(
        self,
        setting: str,
        address: str,
        session: Callable[[], AbstractContextManager[Answer]],
        *,
        watermark: int,
        failure: str,
        guard: Guard | None = None,
    ) -> None:
        """`session` makes the answers; it is entered and left on the thread. `watermark` is how many messages are kept
        for a peer; `failure` says in words what no longer works when the thread has failed; without a `guard`, whoever
        reaches the address is let in."""
        self._setting = setting
        self._address = address
        self._session = session
        self._watermark = watermark
        self._failure = failure
        self._guard = guard or Guard()
        self._unread = Sparing(log.warning, "a client does not read its answer; the rest of it is dropped")
        self._unanswered = Sparing(log.exception, "a request could not be answered; it is dropped")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self.pulse = Pulse(setting)
        self._thread = threading.Thread(target=self._run, name=setting, daemon=True)

    def start(self) -> None:
        """Bind the socket and begin to answer.

        Raises:
            PublishError: the address cannot be bound.
        """
        self._context.setsockopt(zmq.LINGER, LINGER_MS)
        options: dict[int, int] = {
            zmq.SNDHWM: self._watermark,
            zmq.RCVHWM: REQUESTS_WATERMARK,
            zmq.ROUTER_MANDATORY: 1,  # we are told of a peer that does not take its answer
        }
        try:
            self._socket = bound_socket(
                self._context, zmq.ROUTER, self._setting, self._address, options, guard=self._guard
            )
        except PublishError:
            self.close()
            raise
        self._thread.start()

    def close(self) -> None:
        """Stop answering. May be called more than once."""
        end_context(self._context)  # ends the thread's wait; returns when it has closed its socket
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def _run(self) -> None:
        assert self._socket is not None
        try:
            with self._session() as answer:
                while True:
                    self._serve(self._socket, answer)
        except zmq.ContextTerminated:
            self.pulse.end()
        except Exception:
            log.exception(self._failure)
            self.pulse.fail()
        finally:
            self._socket.close()

    def _serve(self, socket: zmq.Socket[bytes], answer: Answer) -> None:
        with self.pulse.resting():
            frames = socket.recv_multipart(copy=False)
        self._guard.heard(self._context, frames[-1])
        identity, *request = (frame.bytes for frame in frames)
        try:
            for parts in answer(request):
                socket.send_multipart([identity, *parts], zmq.NOBLOCK)
        except zmq.Again:
            self._unread.tell(socket=self._setting)
        except zmq.ContextTerminated:
            raise
        except zmq.ZMQError as error:  # the peer is gone
            log.debug("a client left", socket=self._setting, error=str(error))
        except Exception:  # noqa: BLE001 - a fault of ours; nobody who asks for it may take the answers of all others away
            self._unanswered.tell(socket=self._setting)
