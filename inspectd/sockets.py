"""ZeroMQ sockets of the daemon: bound with a message that helps, with limits on memory and patience, and guarded."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Mapping

import structlog
import zmq

from inspectd.doorkeeper import Guard
from inspectd.errors import PublishError
from inspectd.keepalive import KEEPALIVE

END_S = 4.0
"""How long a context may take to end, longer than any of its sockets lingers."""
MAX_INCOMING_BYTES = 4096
"""Of one part, of a request or a subscription; who sends more is cut off."""
_ALWAYS: Mapping[int, int] = {**KEEPALIVE, zmq.MAXMSGSIZE: MAX_INCOMING_BYTES}

log = structlog.get_logger(__name__)

_WAYS_OUT = {
    errno.EADDRINUSE: "is in use by another program, perhaps another inspectd; end it, or set another port",
    errno.EADDRNOTAVAIL: "is no address of this machine; set one of its own, 127.0.0.1, or * for all",
    errno.ENODEV: "is no address of this machine; set one of its own, 127.0.0.1, or * for all",
    errno.EACCES: "may not be bound by this user; set a port above 1023, or a directory that it may write to",
    errno.ENOENT: "names a directory that does not exist",
    errno.EINVAL: "is not an address; write it as in 'tcp://127.0.0.1:5590' or 'ipc:///run/inspectd/verdicts'",
    errno.EPROTONOSUPPORT: "names an unknown transport; write it as in 'tcp://127.0.0.1:5590'",
}


def bound_socket(
    context: zmq.Context[zmq.Socket[bytes]],
    kind: int,
    setting: str,
    address: str,
    options: Mapping[int, int],
    *,
    guard: Guard,
) -> zmq.Socket[bytes]:
    """A socket that listens on `address`, the value of `setting`, and takes the clients that `guard` lets in.

    `options` are ZeroMQ's, as set before binding. The daemon listens with no other sockets than these and
    `listening_socket`'s.

    Raises:
        PublishError: it cannot; the message names the setting, the address and the way out.
    """
    socket = context.socket(kind)
    for option, value in {**_ALWAYS, **guard.options(), **options}.items():
        socket.setsockopt(option, value)
    guard.watch(context, socket, setting)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise PublishError(bind_problem(setting, address, error)) from error
    return socket


def end_context(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """End a context whose sockets are closed, or are closed by their threads when they hear of it.

    ZeroMQ now and then never lets a socket go whose peer was killed just before (seen with libzmq 4.3.5, about once in
    a hundred ends under load). That must not hold up the end of the daemon, so it is left behind.
    """
    ending = threading.Thread(target=context.term, name="end of a context", daemon=True)
    ending.start()
    ending.join(END_S)
    if ending.is_alive():
        log.warning("ZeroMQ does not let a socket go; it is left behind")


def listening_socket(setting: str, address: str, backlog: int) -> socket.socket:
    """A plain TCP socket that listens on `address`, HOST:PORT, the value of `setting`.

    Raises:
        PublishError: as `bound_socket`.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=backlog)
    except OSError as error:
        raise PublishError(bind_problem(setting, address, error)) from error


def bind_problem(setting: str, address: str, error: zmq.ZMQError | OSError) -> str:
    """Why an address cannot be listened on, in words."""
    return f"{setting} = '{address}': {_WAYS_OUT.get(error.errno or 0, f'cannot be bound: {error}')}"
