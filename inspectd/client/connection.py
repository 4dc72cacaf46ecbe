"""A connection to the daemon: kept up through restarts of either side, and not silent about being refused.

ZeroMQ tells a client that it is refused only where one listens for it, and some refusals end its tries for good.
"""

from __future__ import annotations

import time
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from inspectd.closing import Closing
from inspectd.errors import ClientError, NotAdmittedError
from inspectd.keepalive import KEEPALIVE
from inspectd.keys.files import ClientKeys

RECONNECT_MS: Final = 100
RECONNECT_MAX_MS: Final = 2000
AGAIN_S: Final = 2.0
"""From a refusal to the next try."""
FAILURES: Final = 3
"""So often in a row a connection that ends as it begins is no accident: a daemon that just stops does that once."""

_EVENTS: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class Connection(Closing):
    """Belongs to one thread; to be closed."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        kind: int,
        address: str,
        watermark: int,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect to `address`, now or as soon as somebody listens there.

        At most `watermark` messages that came wait to be read.

        Raises:
            ClientError: it is not an address.
        """
        self._address = address
        self._has_keys = keys is not None
        self._failures = 0
        self._again_s: float | None = None
        self.socket: zmq.Socket[bytes] = context.socket(kind)
        options = {
            **KEEPALIVE,
            zmq.LINGER: 0,
            zmq.RCVHWM: watermark,
            zmq.RECONNECT_IVL: RECONNECT_MS,
            zmq.RECONNECT_IVL_MAX: RECONNECT_MAX_MS,
        }
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        if keys is not None:
            keys.apply(self.socket)
        self.monitor: zmq.Socket[bytes] = self.socket.get_monitor_socket(_EVENTS)
        try:
            self.socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise ClientError(f"'{address}' is not an address; write it as in 'tcp://127.0.0.1:5590'") from error

    def check(self) -> None:
        """Look whether the daemon has refused; to be called from time to time, and whenever `monitor` can be read.

        Raises:
            NotAdmittedError: it has. It is asked again by itself, so this connection may be used on.
        """
        if self._again_s is not None and time.monotonic() >= self._again_s:
            self._connect_again()
        while self._has_event():
            problem = self._problem(recv_monitor_message(self.monitor)["event"])
            if problem is not None and self._again_s is None:  # else it was told, and an event was late
                self._disconnect()
                raise NotAdmittedError(f"'{self._address}' {problem}")

    def poll(self, timeout_ms: int) -> bool:
        """Wait for a message; False where none came in time.

        Raises:
            NotAdmittedError: as `check`.
        """
        end_s = time.monotonic() + timeout_ms / 1000
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        while True:
            self.check()
            ready = dict(poller.poll(max(0, round((end_s - time.monotonic()) * 1000))))
            if self.socket in ready:
                return True
            if not ready and time.monotonic() >= end_s:
                return False

    def send(self, message: bytes) -> None:
        """Send one; after a refusal, to a connection that is made anew.

        Raises:
            NotAdmittedError: as `check`.
        """
        if self._again_s is not None:
            self._connect_again()
        try:
            self.socket.send(message, zmq.NOBLOCK)
        except zmq.Again:
            self.check()
            raise ClientError(f"'{self._address}' takes no more requests; is the daemon running?") from None

    def recv_multipart(self) -> list[bytes]:
        """The parts of the message that came."""
        return self.socket.recv_multipart()

    def close(self) -> None:
        """End the connection. May be called more than once."""
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.monitor.close(linger=0)
            self.socket.close(linger=0)

    def _has_event(self) -> bool:
        events = self.monitor.getsockopt(zmq.EVENTS)  # many times cheaper than `poll`, and asked at every message
        assert isinstance(events, int)
        return bool(events & zmq.POLLIN)

    def _connect_again(self) -> None:
        self._again_s = None
        self.socket.connect(self._address)

    def _disconnect(self) -> None:
        self._failures = 0
        self._again_s = time.monotonic() + AGAIN_S
        self.socket.disconnect(self._address)

    def _problem(self, event: int) -> str | None:
        """Why there is no connection, in words; None while that may be an accident."""
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return "does not let in this client's key; on the daemon's PC, 'inspectd keys list' tells whose it does"
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._failures = 0
            return None
        self._failures += 1
        # ZeroMQ tries again by itself after a failure without a detail, and after no other.
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and self._failures < FAILURES:
            return None
        if self._has_keys:
            return (
                "ends every connection as it begins: this client's file of keys is not of this daemon, or was made "
                "before the daemon got new keys, or the daemon is set up without (security.keys), or too many are "
                "connected"
            )
        return (
            "ends every connection as it begins: it wants a key (the file that 'inspectd keys client' made: --keys, "
            "INSPECTD_KEYS), or is no socket of inspectd's, or too many are connected"
        )
