"""Who connects to the daemon's sockets: only who may, not too many, and nobody who only fills its memory.

ZeroMQ asks the keeper of a context about every client that shows a key (ZAP, RFC 27), and tells it what happens at each
socket. A keeper that has failed lets nobody in.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
import zmq
from zmq.auth.base import Authenticator
from zmq.utils.monitor import recv_monitor_message

from inspectd.connections import Connections
from inspectd.keys.store import KeyStore
from inspectd.sparing import Sparing

Context = zmq.Context[zmq.Socket[bytes]]
Socket = zmq.Socket[bytes]

DOMAIN: Final = b"inspectd"
HANDSHAKE_MS: Final = 5000
"""For a peer to say who it is."""
TICK_S: Final = 0.2
"""How often connections are looked at."""
READ_S: Final = 1.0
"""How often the clients that are let in are read again, to find those that are no more. Who comes is looked up then."""

ZAP_ENFORCE_DOMAIN: Final = 93
"""Lets nobody in where nobody answers; pyzmq has no name for this option of libzmq's."""
_EVENTS: Final = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_MONITOR_STOPPED
)
_NO_SUCH_MECHANISM: Final = zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
_OTHER_SERVER: Final = zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC

log = structlog.get_logger(__name__)


class Guard:
    """Whom the daemon lets in, at all its sockets."""

    def __init__(self, keys: Path | None = None, on_refused: Callable[[], None] = lambda: None) -> None:
        """`keys` is a `KeyStore`'s directory; without one, whoever reaches a socket is let in. `on_refused` is called
        for each client that is not, by any thread.

        Raises:
            KeysError: the directory has no keys of the daemon's own.
        """
        self._store = None if keys is None else KeyStore(keys)
        self._secret = None if self._store is None else self._store.server().secret
        self._refusals = _Refusals(on_refused)
        self._keepers: WeakKeyDictionary[Context, _Keeper] = WeakKeyDictionary()

    def options(self) -> Mapping[int, int | bytes]:
        """Of a socket that it is to watch, to be set before it is bound."""
        # A domain, even where nobody is asked about it, has ZeroMQ refuse peers that speak as versions 1 and 2 did (RFC
        # 23): nearly any bytes are messages to those, and a flood of them would be kept until they are read.
        options: dict[int, int | bytes] = {zmq.HANDSHAKE_IVL: HANDSHAKE_MS, zmq.ZAP_DOMAIN: DOMAIN}
        if self._secret is not None:
            options |= {
                zmq.CURVE_SERVER: 1,
                zmq.CURVE_SECRETKEY: self._secret,
                ZAP_ENFORCE_DOMAIN: 1,
            }
        return options

    def watch(self, context: Context, socket: Socket, setting: str) -> None:
        """Watch over a socket, named by its setting, until it is closed; to be called before it is bound."""
        keeper = self._keepers.get(context)
        if keeper is None:
            keeper = self._keepers[context] = _Keeper(context, self._store, self._refusals)
            keeper.start()
        keeper.watch(context, socket, setting)

    def heard(self, context: Context, message: zmq.Frame) -> None:
        """A whole message came to one of the context's sockets; `message` is a part of it. Any thread."""
        with suppress(zmq.ZMQError):  # it came from within the process
            self._keepers[context].heard.add(message.get(zmq.SRCFD))


class _Keeper(threading.Thread):
    """Of one context. Ends with it."""

    def __init__(self, context: Context, store: KeyStore | None, refusals: _Refusals) -> None:
        super().__init__(name="doorkeeper", daemon=True)
        self.heard: set[int] = set()
        self._refusals = refusals
        self._admission = None if store is None else _Admission(context, store, refusals)
        # That there is always one through which the context's end is noticed.
        self._socket = self._admission.socket if self._admission else context.socket(zmq.PAIR)
        self._coming: queue.SimpleQueue[tuple[Socket, _Door]] = queue.SimpleQueue()
        self._doors: dict[Socket, _Door] = {}
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)

    def watch(self, context: Context, socket: Socket, setting: str) -> None:
        """See `Guard.watch`."""
        address = f"inproc://door-{id(socket)}"
        socket.monitor(address, _EVENTS)
        monitor = context.socket(zmq.PAIR)
        monitor.rcvhwm = 0  # ZeroMQ's own threads wait where this is full
        monitor.connect(address)
        self._coming.put((monitor, _Door(setting, guarded=self._admission is not None)))

    def run(self) -> None:
        # The loop is this thread's own: pyzmq's authenticator is a coroutine that awaits nothing.
        try:
            asyncio.run(self._keep())
        except zmq.ContextTerminated:
            pass
        except Exception:
            log.exception("the doorkeeper failed; until a restart connections are not watched, and no key is taken")
            self._wait_for_the_end()
        finally:
            self._take_on()
            for socket in (self._socket, *self._doors):
                socket.close(linger=0)

    async def _keep(self) -> None:
        look_s = 0.0
        while True:
            for socket, _ in self._poller.poll(max(0, round(1000 * (look_s - time.monotonic())))):
                if socket is self._socket:
                    assert self._admission is not None
                    await self._admission.answer()
                else:
                    self._attend(socket)
            if time.monotonic() >= look_s:
                self._look()
                look_s = time.monotonic() + TICK_S

    def _attend(self, monitor: Socket) -> None:
        event = recv_monitor_message(monitor)
        if event["event"] == zmq.EVENT_MONITOR_STOPPED:
            self._poller.unregister(monitor)
            self._doors.pop(monitor)
            monitor.close(linger=0)
        else:
            self._doors[monitor].attend(event, self._refusals)

    def _look(self) -> None:
        self._take_on()
        taken, self.heard = self.heard, set()
        heard = frozenset(taken)  # in one go: another thread may still be adding to it
        revoked = self._admission.revoked() if self._admission else frozenset()
        for door in self._doors.values():
            door.connections.heard(heard)
            door.connections.cut_peers(revoked)
            for peer in door.connections.cut_unread():
                self._refusals.tell("it sent what makes no message", socket=door.setting, address=peer)

    def _take_on(self) -> None:
        while not self._coming.empty():
            monitor, door = self._coming.get()
            self._doors[monitor] = door
            self._poller.register(monitor, zmq.POLLIN)

    def _wait_for_the_end(self) -> None:
        """Closing the sockets now would have ZeroMQ's threads wait for ever, for a keeper that reads what they tell."""
        with suppress(zmq.ContextTerminated):
            while True:
                self._socket.poll()
                time.sleep(READ_S)


class _Admission:
    """Answers ZeroMQ whether a client is let in. Belongs to the keeper's thread."""

    def __init__(self, context: Context, store: KeyStore, refusals: _Refusals) -> None:
        self._store = store
        self._refusals = refusals
        self._authenticator = Authenticator(context)
        self._authenticator.configure_curve_callback(DOMAIN.decode(), self)
        self._authenticator.start()
        self.socket: Socket = self._authenticator.zap_socket
        self._asking = ""
        self._admitted: dict[bytes, set[str]] = {}
        """By key, whence its clients have come."""
        self._read_s = 0.0

    async def answer(self) -> None:
        """Answer one request."""
        request = self.socket.recv_multipart()
        self._asking = request[3].decode(errors="replace") if len(request) > 3 else ""
        await self._authenticator.handle_zap_message(request)

    def callback(self, _domain: str, key: bytes) -> bool:
        """What the authenticator asks."""
        try:
            name = self._store.clients().get(key)
        except OSError as error:
            self._refusals.tell(f"the clients that are let in cannot be read: {error}", address=self._asking)
            return False
        if name is None:
            self._refusals.tell(
                "its key is not allowed; 'inspectd keys' lets it in", address=self._asking, key=key.decode()
            )
            return False
        log.info("a client was let in", client=name, address=self._asking)
        self._admitted.setdefault(key, set()).add(self._asking)
        return True

    def revoked(self) -> set[str]:
        """Whence clients came that are let in no more."""
        now_s = time.monotonic()
        if now_s - self._read_s < READ_S:
            return set()
        self._read_s = now_s
        with suppress(OSError):  # which takes nobody's right away
            allowed = self._store.clients()
            return set().union(*(self._admitted.pop(key) for key in self._admitted.keys() - allowed.keys()))
        return set()


class _Door:
    """One socket."""

    def __init__(self, setting: str, *, guarded: bool) -> None:
        self.setting = setting
        self.connections = Connections()
        self._guarded = guarded

    def attend(self, event: Mapping[str, Any], refusals: _Refusals) -> None:
        """Something has happened at it."""
        match event["event"]:
            case zmq.EVENT_ACCEPTED:
                if not self.connections.accepted(event["value"], event["endpoint"].decode()):
                    refusals.tell("there are too many connections", socket=self.setting)
            case zmq.EVENT_DISCONNECTED:
                self.connections.ended(event["value"])
            case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                if self._guarded:
                    refusals.tell("it left, or was too slow, before it had shown a key", socket=self.setting)
            case _:
                refusals.tell(self._why(event["value"]), socket=self.setting)

    def _why(self, problem: int) -> str:
        if problem == _OTHER_SERVER:
            return "it has the key of another daemon, or of this one before it got new keys"
        if problem == _NO_SUCH_MECHANISM and self._guarded:
            return "it shows no key"
        if problem == _NO_SUCH_MECHANISM:
            return "it has a key, and this daemon is set up without (security.keys)"
        return f"it does not speak as ZeroMQ does ({problem:#x})"


class _Refusals:
    """Tells of clients that are refused: every one is counted, few are logged."""

    def __init__(self, on_refused: Callable[[], None]) -> None:
        self._on_refused = on_refused
        self._sparing = Sparing(log.warning, "a client was refused")

    def tell(self, why: str, **what: str) -> None:
        """One was."""
        self._on_refused()
        self._sparing.tell(why=why, **what)
