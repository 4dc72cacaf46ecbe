"""Reading messages off the wire, refusing what is not of it with words."""

from __future__ import annotations

from typing import TypeVar

import zmq
from pydantic import BaseModel, ValidationError

from inspectd.errors import ClientError

Read = TypeVar("Read", bound=BaseModel)

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
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if key == "wire":
            raise ClientError(
                f"the daemon speaks version {problem['input']!r} of the wire, this client another; update the older one"
            ) from error
        raise ClientError(f"not a {model.__name__} of this wire: {key or 'message'}: {problem['msg']}") from error
