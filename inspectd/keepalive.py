"""How both ends of a connection find out that the other has lost its power or its cable: the kernel tries it out.

Not ZeroMQ's own heartbeat (ZMQ_HEARTBEAT_IVL): where a socket's queue is full it does not read, and a heartbeat that
falls due then aborts the whole process, once the peer has gone (libzmq 4.3.5; its issues 4364, 4767 and 4841). Any
peer that floods a socket and leaves could so end the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import zmq

TRY_S: Final = 2
"""How often a silent connection is tried out."""
TRIES: Final = 3
"""In vain, until it is taken for dead."""

KEEPALIVE: Final[Mapping[int, int]] = {
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: TRY_S,
    zmq.TCP_KEEPALIVE_INTVL: TRY_S,
    zmq.TCP_KEEPALIVE_CNT: TRIES,
    # What was sent and is not acknowledged, or not taken, ends it as soon.
    zmq.TCP_MAXRT: 1000 * TRY_S * TRIES,
}
"""Options of a socket, to be set before it is bound or connected."""
