"""Who is let in to the sockets, what those are told who are not, and how much a connection may cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import psutil
import pytest
import zmq

from engines.bundle import Bundle
from inspectd.client import Client, Controller, Heartbeat, replay
from inspectd.connections import MOST, UNREAD_BYTES
from inspectd.control import ControlServer
from inspectd.doorkeeper import Guard
from inspectd.errors import ClientError, KeysError, NotAdmittedError, PublishError
from inspectd.keys.store import KeyStore
from inspectd.wire.models import ControlRequest, EncoderAccepted
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon, free_port, wait_until
from tests.faults.hostile import GREETING, ended, endless, flood, oversized, raw


def handle(_: ControlRequest) -> EncoderAccepted:
    return EncoderAccepted(count=1, cameras=("web",), monotonic_ns=1)


class Guarded:
    """A control server that asks for keys, and files of a client that it lets in."""

    def __init__(self, folder: Path) -> None:
        self.refused = 0
        self.store = KeyStore(folder / "keys")
        self.store.make_server()
        self.keys = folder / "plc.key_secret"
        self.store.make_client("plc", self.keys)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.server = ControlServer(self.address, handle, Guard(self.store.directory, self._count))

    def _count(self) -> None:
        self.refused += 1

    def ask(self, keys: Path | None, timeout_s: float = 10.0) -> int:
        with Controller(self.address, timeout_s, keys) as controller:
            return controller.encoder(1).count


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    made = Guarded(tmp_path)
    with made.server:
        yield made


def test_who_has_a_key_is_let_in(guarded: Guarded) -> None:
    assert guarded.ask(guarded.keys) == 1
    assert guarded.refused == 0


def test_who_has_none_is_told(guarded: Guarded) -> None:
    with pytest.raises(NotAdmittedError, match=r"wants a key .*--keys"):
        guarded.ask(None)
    wait_until(lambda: guarded.refused, "the refusal is counted")


def test_a_key_that_is_not_allowed_is_told_and_taken_once_it_is(guarded: Guarded, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.key_secret"
    guarded.store.make_client("stranger", stranger)
    public = next(key for key, name in guarded.store.clients().items() if name == "stranger")
    guarded.store.revoke("stranger")
    with Controller(guarded.address, 10.0, stranger) as controller:
        with pytest.raises(NotAdmittedError, match="does not let in this client's key"):
            controller.encoder(1)
        guarded.store.allow("stranger", public)
        assert controller.encoder(1).count == 1
    assert guarded.refused >= 1


def test_a_key_of_another_daemon_is_told(guarded: Guarded, tmp_path: Path) -> None:
    other = KeyStore(tmp_path / "other")
    other.make_server()
    other.make_client("plc", tmp_path / "other.key_secret")
    with pytest.raises(NotAdmittedError, match="file of keys is not of this daemon"):
        guarded.ask(tmp_path / "other.key_secret")


def test_a_key_where_none_is_asked_for_is_told(guarded: Guarded) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        ControlServer(address, handle),
        Controller(address, 10.0, guarded.keys) as controller,
        pytest.raises(NotAdmittedError, match=r"set up without \(security\.keys\)"),
    ):
        controller.encoder(1)


def test_revoking_cuts_what_is_connected(guarded: Guarded) -> None:
    with Controller(guarded.address, 10.0, guarded.keys) as controller:
        assert controller.encoder(1).count == 1
        guarded.store.revoke("plc")
        time.sleep(2.5)
        with pytest.raises(NotAdmittedError):
            controller.encoder(1)


def test_others_go_on_when_one_is_revoked(guarded: Guarded, tmp_path: Path) -> None:
    guarded.store.make_client("laptop", tmp_path / "laptop")
    assert guarded.ask(tmp_path / "laptop") == 1
    with Controller(guarded.address, 10.0, guarded.keys) as controller:
        assert controller.encoder(1).count == 1
        guarded.store.revoke("laptop")
        time.sleep(2.5)
        assert controller.encoder(1).count == 1


def test_a_directory_that_cannot_be_read_lets_nobody_in(guarded: Guarded) -> None:
    clients = guarded.store.directory / "clients"
    clients.rename(clients.with_name("away"))
    with pytest.raises(NotAdmittedError):
        guarded.ask(guarded.keys)
    clients.with_name("away").rename(clients)
    assert guarded.ask(guarded.keys) == 1


def test_a_daemon_without_keys_of_its_own_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="make it with 'inspectd keys server --keys"):
        Guard(tmp_path)


def test_nothing_is_left_behind(guarded: Guarded) -> None:
    def once() -> None:
        address = f"tcp://127.0.0.1:{free_port()}"
        with (
            ControlServer(address, handle, Guard(guarded.store.directory)),
            Controller(address, 10, guarded.keys) as it,
        ):
            it.encoder(1)
        with pytest.raises(PublishError):
            ControlServer(guarded.address, handle, Guard(guarded.store.directory)).start()

    once()
    process = psutil.Process()
    before = process.num_fds(), threading.active_count()
    for _ in range(5):
        once()
    wait_until(lambda: (process.num_fds(), threading.active_count()) <= before, "descriptors and threads are let go")


def test_too_many_connections_are_turned_away(guarded: Guarded) -> None:
    process = psutil.Process()
    with Controller(guarded.address, 10.0, guarded.keys) as controller:
        controller.encoder(1)
        before = process.num_fds()
        with flood([guarded.address], 2 * MOST):
            wait_until(lambda: process.num_fds() - before <= 3 * MOST, "those beyond are cut")  # both ends are here
            assert controller.encoder(1).count == 1
        wait_until(lambda: process.num_fds() <= before, "all are let go")
    assert guarded.refused >= MOST
    assert guarded.ask(guarded.keys) == 1


def test_what_makes_no_message_is_cut_off() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with ControlServer(address, handle):
        assert endless(address) < 64 << 20
        for size in (4097, 1 << 40):
            oversized(address, size)
        with raw(address) as slow:
            slow.sendall(GREETING[:5])
            assert ended(slow)
        with Controller(address, 10.0) as controller:
            assert controller.encoder(1).count == 1


def test_who_sends_much_that_makes_messages_is_not_cut_off() -> None:
    address, request = f"tcp://127.0.0.1:{free_port()}", b'{"request":"encoder","count":1' + 4000 * b" " + b"}"
    with ControlServer(address, handle), zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger, socket.rcvtimeo = 0, 10_000
        socket.connect(address)
        for _ in range(3 * UNREAD_BYTES // len(request)):
            socket.send(request)
            assert b"encoder_accepted" in socket.recv()


def test_every_socket_of_a_daemon_asks_for_a_key(tmp_path: Path, bundle: Bundle) -> None:
    store = KeyStore(tmp_path / "keys")
    store.make_server()
    keys = tmp_path / "plc.key_secret"
    store.make_client("plc", keys)
    (tmp_path / "web").mkdir()
    cv2.imwrite(str(tmp_path / "web" / "1.png"), surface_picture(1))
    cameras = {"web": {"source": f"images:{tmp_path / 'web'}", "loop": True, "rate_hz": 10.0}}
    configuration = Configuration(tmp_path, bundle, cameras, extra=f'[security]\nkeys = "{store.directory}"\n')
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(3)
        listening = {
            connection.laddr.port
            for connection in psutil.Process(daemon.process.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        } - {int(configuration.metrics.rpartition(":")[2])}
        assert len(listening) >= 4
        for port in sorted(listening):
            assert _asks_for_a_key(port), f"port {port} lets in whoever comes"
        with Client(configuration.verdicts, replay=configuration.replay, since=1, keys=keys) as client:
            assert [client.receive(10) is not None for _ in range(3)] == [True] * 3
            wait_until(lambda: isinstance(client.receive(5), Heartbeat), "a heartbeat")
        assert len(list(replay(configuration.replay, 1, 3, keys=keys))) == 3
        with Client(configuration.verdicts) as client, pytest.raises(NotAdmittedError):
            _listen(client)
        with pytest.raises(ClientError):
            next(replay(configuration.replay, 1))
        assert daemon.terminate() == 0


def _listen(client: Client) -> None:
    for _ in range(20):
        client.receive(1.0)


def _asks_for_a_key(port: int) -> bool:
    """What a socket says of itself first: 12 bytes on, in 20, how it knows its clients."""
    with ExitStack() as stack:
        peer = stack.enter_context(raw(f"tcp://127.0.0.1:{port}"))
        peer.sendall(GREETING[:12])
        said = b""
        while len(said) < 64 and (more := peer.recv(64)):
            said += more
        return said[12:17] == b"CURVE"
