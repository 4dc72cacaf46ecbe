"""Reading messages off the wire, refusing what is not of it with words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import zmq
from pydantic import BaseModel, Discriminator, TypeAdapter, ValidationError

from inspectd.errors import ClientError
from inspectd.wire.models import WIRE_VERSION, PartVerdict, Verdict

Read = TypeVar("Read", bound=BaseModel)
_Parsed = TypeVar("_Parsed")

_NUMBERED: Final[TypeAdapter[Verdict | PartVerdict]] = TypeAdapter(
    Annotated[Verdict | PartVerdict, Discriminator("kind")]
)
_KINDS: Final = ("verdict", "part")

RECONNECT_MS = 100
RECONNECT_MAX_MS = 2000
ALIVE_MS = 2000
"""How often a connection is tried out; one dead for three times as long is made anew."""


def connected_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, address: str, watermark: int
) -> zmq.Socket[bytes]:
    """A socket that connects to `address`, now or as soon as somebody listens there.

    At most `watermark` messages that came wait to be read.

    Raises:
        ClientError: it is not an address.
    """
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, watermark)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, ALIVE_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3 * ALIVE_MS)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        socket.close()
        raise ClientError(f"'{address}' is not an address; write it as in 'tcp://127.0.0.1:5590'") from error
    return socket


def parsed(model: type[Read], data: bytes) -> Read:
    """A message as its model.

    Raises:
        ClientError: it is another, or of another version of the wire.
    """
    return _parsed(model.model_validate_json, model.__name__, data)


def parsed_verdict(data: bytes) -> Verdict | PartVerdict:
    """A verdict, on a frame or on a part: whatever has a number.

    Raises:
        ClientError: it is neither, or of another version of the wire.
    """
    return _parsed(_NUMBERED.validate_json, "Verdict", data)


def _parsed(read: Callable[[bytes], _Parsed], name: str, data: bytes) -> _Parsed:
    try:
        return read(data)
    except ValidationError as error:
        wire = _wire_of(data)
        if wire != WIRE_VERSION:
            raise ClientError(
                f"the daemon speaks version {wire!r} of the wire, this client another; update the older one"
            ) from error
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"] if part not in _KINDS)
        raise ClientError(f"not a {name} of this wire: {key or 'message'}: {problem['msg']}") from error


def _wire_of(data: bytes) -> object:
    """The version that a message says it is of; where it says none, this one."""
    try:
        document = json.loads(data)
    except ValueError:
        return WIRE_VERSION
    return document.get("wire", WIRE_VERSION) if isinstance(document, dict) else WIRE_VERSION
