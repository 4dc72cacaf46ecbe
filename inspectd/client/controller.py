"""Asking the daemon to do something: one request, one answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, TypedDict, Unpack

import zmq
from pydantic import Discriminator, TypeAdapter, ValidationError

from inspectd.client.connection import Connection
from inspectd.client.messages import parsed, requested
from inspectd.client.replayer import Answer, whole
from inspectd.closing import Closing
from inspectd.errors import (
    ClientError,
    CountRefusedError,
    ModelRefusedError,
    RequestRefusedError,
    TriggerRefusedError,
)
from inspectd.keys.files import read_client
from inspectd.wire.addresses import CONTROL
from inspectd.wire.models import (
    ChangeAccepted,
    ChangeStanding,
    ChangeState,
    ControlError,
    ControlRequest,
    DrainAccepted,
    DrainRequest,
    EncoderAccepted,
    EncoderRequest,
    ModelChangeRequest,
    Models,
    ModelsRequest,
    ReplayPage,
    ReplayRequest,
    Status,
    StatusRequest,
    TriggerAccepted,
    TriggerRequest,
)
from inspectd.wire.problems import problems

TIMEOUT_S = 5.0
CHANGE_TIMEOUT_S = 300.0
"""How long a change of the model is waited for: an engine for a GPU takes its time to load."""
LOOK_S = 0.05
"""How often it is looked how a change stands."""
WATERMARK = 100


_CHANGE: Final[TypeAdapter[ModelChangeRequest]] = TypeAdapter(Annotated[ModelChangeRequest, Discriminator("request")])


class Waiting(TypedDict, total=False):
    """How a change is waited for."""

    timeout_s: float
    """How long."""
    tell: Callable[[ChangeStanding], None] | None
    """Told each step."""


class Controller(Closing):
    """A conversation with a daemon's control socket. Belongs to one thread; to be closed."""

    def __init__(self, address: str = CONTROL, timeout_s: float = TIMEOUT_S, keys: Path | None = None) -> None:
        """Connect; the daemon need not be there yet.

        Args:
            address: the daemon's `control.address`.
            timeout_s: how long an answer may take.
            keys: this client's file, where the daemon asks for one.

        Raises:
            ClientError: it is no address.
            KeysError: the file of keys cannot be used.
        """
        self._keys = None if keys is None else read_client(keys)
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

    def status(self) -> Status:
        """How the daemon stands: its last heartbeat, what judges, and how changes of that went.

        Raises:
            ClientError: no answer came.
        """
        return parsed(Status, self._ask(StatusRequest(), RequestRefusedError))

    def models(self) -> Models:
        """The models of the daemon's registry, and how changes went.

        Raises:
            ModelRefusedError: the daemon has no registry; the message says how it gets one.
            ClientError: no answer came.
        """
        return parsed(Models, self._ask(ModelsRequest(), ModelRefusedError))

    def replay(self, first: int = 1, last: int | None = None) -> Iterator[bytes]:
        """Every verdict that the journal holds from `first` to `last` (the newest where None), JSON, by number.

        It comes in small pages, between which the daemon answers others. Where much is to be read and `publish.replay`
        can be reached, `inspectd.client.replay` is quicker.

        Raises:
            RequestRefusedError: `first` or `last` is no number of a verdict, or the journal cannot be read.
            ClientError: no answer came, or the journal was replaced meanwhile.
        """
        return whole(self.page, first, last)

    def page(self, first: int, last: int | None = None, limit: int | None = None) -> Answer:
        """The beginning of what `replay` gives: as many verdicts as a page holds, or `limit`. Raises as it."""
        try:
            request = ReplayRequest(first=first, last=last, limit=limit)
        except ValidationError as error:
            raise RequestRefusedError(problems(error)) from error
        told, *verdicts = self._ask_parts(request, RequestRefusedError)
        return Answer(verdicts, parsed(ReplayPage, told))

    def activate(self, model: str, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Have another bundle judge, and wait until it does. The one before judges on until then.

        Args:
            model: its name, its id, or the name of its bundle.
            who: for the record.
            why: for the record.
            waiting: how long, and who is told of each step.

        Raises:
            ModelRefusedError: it may not judge, or another change is under way; the one before judges on.
            ClientError: no answer came, or it took too long; `models` tells how it stands.
        """
        return self._change({"request": "activate", "model": model, "who": who, "why": why}, **waiting)

    def rollback(self, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Have the bundle judge again that did before, as it did then. Otherwise as `activate`."""
        return self._change({"request": "rollback", "who": who, "why": why}, **waiting)

    def shadow(self, model: str | None, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Have a candidate look on, in place of the one that may do so; None: none any more. Otherwise as `activate`.

        It changes no verdict; `models` tells how it compares.
        """
        return self._change({"request": "shadow", "model": model, "who": who, "why": why}, **waiting)

    def promote(self, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Have frames judged by the candidate that looks on. Otherwise as `activate`."""
        return self._change({"request": "promote", "who": who, "why": why}, **waiting)

    def move_threshold(self, value: float, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Move the threshold, within the bounds that `status` tells. Otherwise as `activate`."""
        return self._change({"request": "threshold", "value": value, "who": who, "why": why}, **waiting)

    def undo_threshold(self, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Put the threshold back to where it stood before the last move. Otherwise as `activate`."""
        return self._change({"request": "undo", "who": who, "why": why}, **waiting)

    def delete(self, model: str, *, who: str, why: str, **waiting: Unpack[Waiting]) -> ChangeStanding:
        """Remove a model that neither judges nor did before. Otherwise as `activate`."""
        return self._change({"request": "delete", "model": model, "who": who, "why": why}, **waiting)

    def drain(self, *, who: str, why: str) -> DrainAccepted:
        """End the daemon as SIGTERM does.

        Raises:
            RequestRefusedError: it is ending already, or has not begun.
            ClientError: no answer came.
        """
        try:
            request = DrainRequest(who=who, why=why)
        except ValidationError as error:
            raise RequestRefusedError(problems(error)) from error
        return parsed(DrainAccepted, self._ask(request, RequestRefusedError))

    def _change(
        self,
        asked: dict[str, object],
        timeout_s: float = CHANGE_TIMEOUT_S,
        tell: Callable[[ChangeStanding], None] | None = None,
    ) -> ChangeStanding:
        """Ask for a change and wait for its end."""
        try:
            request = _CHANGE.validate_python(asked)
        except ValidationError as error:
            raise ModelRefusedError(problems(error)) from error
        ticket = parsed(ChangeAccepted, self._ask(request, ModelRefusedError)).ticket
        end = time.monotonic() + timeout_s
        standing = None
        while time.monotonic() < end:
            before, standing = standing, self._standing(ticket)
            if tell is not None and standing != before:
                tell(standing)
            if standing.state is ChangeState.DONE:
                return standing
            if standing.state is ChangeState.REFUSED:
                raise ModelRefusedError(standing.reason or "refused")
            time.sleep(LOOK_S)
        raise ClientError(f"the change is still under way after {timeout_s:g} s; it goes on, and 'models' tells how")

    def _standing(self, ticket: str) -> ChangeStanding:
        found = [standing for standing in self.status().changes if standing.ticket == ticket]
        if not found:  # it was restarted, or several others have asked since
            raise ClientError("the daemon does not tell of this change any more; 'models' tells what judges")
        return found[0]

    def _ask(self, request: ControlRequest, refused: type[RequestRefusedError]) -> bytes:
        """The answer, where it is none that refuses."""
        return self._ask_parts(request, refused)[0]

    def _ask_parts(self, request: ControlRequest, refused: type[RequestRefusedError]) -> list[bytes]:
        self._socket.send(requested(request))
        if not self._socket.poll(round(self._timeout_s * 1000)):
            # An answer that comes later must not be taken for the next one's.
            self._socket.close()
            self._socket = self._connect()
            raise ClientError(
                f"no answer from '{self._address}' within {self._timeout_s:g} s; is the daemon running, "
                "and is this its control.address?"
            )
        answer = self._socket.recv_multipart()
        if _kind(answer[0]) == "control_error":
            raise refused(parsed(ControlError, answer[0]).error)
        return answer

    def close(self) -> None:
        """End the conversation. May be called more than once."""
        self._context.destroy(linger=0)

    def _connect(self) -> Connection:
        return Connection(self._context, zmq.DEALER, self._address, WATERMARK, self._keys)


def _kind(message: bytes) -> object:
    try:
        document = json.loads(message)
    except ValueError:
        return None
    return document.get("kind") if isinstance(document, dict) else None
