"""Asking the daemon to do something: one request, one answer."""

from __future__ import annotations

import json
from collections.abc import Sequence

import zmq
from pydantic import ValidationError

from inspectd.client.messages import connected_socket, parsed
from inspectd.closing import Closing
from inspectd.errors import ClientError, CountRefusedError, RequestRefusedError, TriggerRefusedError
from inspectd.wire.addresses import CONTROL
from inspectd.wire.models import (
    ControlError,
    ControlRequest,
    EncoderAccepted,
    EncoderRequest,
    TriggerAccepted,
    TriggerRequest,
)
from inspectd.wire.problems import problems

TIMEOUT_S = 5.0
WATERMARK = 100


class Controller(Closing):
    """A conversation with a daemon's control socket. Belongs to one thread; to be closed."""

    def __init__(self, address: str = CONTROL, timeout_s: float = TIMEOUT_S) -> None:
        """Connect; the daemon need not be there yet.

        Args:
            address: the daemon's `control.address`.
            timeout_s: how long an answer may take.

        Raises:
            ClientError: it is no address.
        """
        self._address = address
        self._timeout_s = timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = self._connect()
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def trigger(
        self, part: str, cameras: Sequence[str] | None = None, deadline_ms: float | None = None
    ) -> TriggerAccepted:
        """Say that a part is there. Its verdict comes to every `Client`, by the deadline, whatever happens.

        Args:
            part: its id, 1 to 128 characters; no other part with this id may be open.
            cameras: those that see it; None for all.
            deadline_ms: time within which its verdict must be there; None for the longest of the cameras'.

        Raises:
            TriggerRefusedError: it is no trigger, or the daemon does not take it; nothing was done.
            ClientError: no answer came. Whether it was taken is then not known: its verdict, or its absence, will tell.
        """
        asked = None if cameras is None else tuple(cameras)
        try:
            request = TriggerRequest(part=part, cameras=asked, deadline_ms=deadline_ms)
        except ValidationError as error:
            raise TriggerRefusedError(problems(error)) from error
        return parsed(TriggerAccepted, self._ask(request, TriggerRefusedError))

    def encoder(self, count: int, monotonic_ns: int | None = None, camera: str | None = None) -> EncoderAccepted:
        """Say how far a web has moved.

        Args:
            count: the encoder's, growing as the web moves on.
            monotonic_ns: when it was read, on the daemon host's CLOCK_MONOTONIC; None for when the daemon gets it.
            camera: whose web it is; None for all that have an encoder.

        Raises:
            CountRefusedError: it is no count, or the daemon does not take it; nothing was done.
            ClientError: no answer came. Whether it was taken is then not known; send the next one.
        """
        try:
            request = EncoderRequest(count=count, monotonic_ns=monotonic_ns, camera=camera)
        except ValidationError as error:
            raise CountRefusedError(problems(error)) from error
        return parsed(EncoderAccepted, self._ask(request, CountRefusedError))

    def _ask(self, request: ControlRequest, refused: type[RequestRefusedError]) -> bytes:
        """The answer, where it is none that refuses."""
        self._socket.send(request.model_dump_json().encode())
        if not self._socket.poll(round(self._timeout_s * 1000)):
            # An answer that comes later must not be taken for the next one's.
            self._socket.close()
            self._socket = self._connect()
            raise ClientError(
                f"no answer from '{self._address}' within {self._timeout_s:g} s; is the daemon running, "
                "and is this its control.address?"
            )
        answer = self._socket.recv()
        if _kind(answer) == "control_error":
            raise refused(parsed(ControlError, answer).error)
        return answer

    def close(self) -> None:
        """End the conversation. May be called more than once."""
        self._context.destroy(linger=0)

    def _connect(self) -> zmq.Socket[bytes]:
        return connected_socket(self._context, zmq.DEALER, self._address, WATERMARK)


def _kind(message: bytes) -> object:
    try:
        document = json.loads(message)
    except ValueError:
        return None
    return document.get("kind") if isinstance(document, dict) else None
