"""The HTTP side: what is answered, and what clients cannot do."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from pydantic import ValidationError

from inspectd.metrics import server as server_module
from inspectd.metrics.server import CLIENTS, MetricsServer
from inspectd.settings import MetricsSettings
from tests.daemons import free_port
from tests.inspectd.metrics.reading import connected, fetch

PAGE = b"inspectd_threshold 20.0\n"


@pytest.fixture
def address() -> Iterator[str]:
    """A server's."""
    place = f"127.0.0.1:{free_port()}"
    with MetricsServer(place, lambda: PAGE, list):
        yield place


def asked(address: str, request: bytes) -> bytes:
    with connected(address, request) as client:
        answer = b""
        while received := client.recv(65536):
            answer += received
    return answer


def test_the_page_and_the_health(address: str) -> None:
    assert fetch(address) == (200, PAGE.decode())
    assert fetch(address, "/metrics?debug=1") == (200, PAGE.decode())
    assert fetch(address, "/-/healthy") == (200, "inspecting\n")
    assert b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in asked(
        address, b"GET /metrics HTTP/1.1\r\nHost: line\r\n\r\n"
    )


def test_what_ails_is_told() -> None:
    address = f"127.0.0.1:{free_port()}"
    with MetricsServer(address, lambda: PAGE, lambda: ["feeder stuck for 12 s", "the daemon is draining"]):
        assert fetch(address, "/-/healthy") == (503, "feeder stuck for 12 s\nthe daemon is draining\n")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET /../etc/passwd HTTP/1.0\r\n\r\n", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405 Method Not Allowed"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"\xff\xfe\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics\r\n\r\n", b"400 Bad Request"),
    ],
)
def test_nothing_else_is_answered(address: str, request_head: bytes, status: bytes) -> None:
    assert asked(address, request_head).startswith(b"HTTP/1.1 " + status)


def test_a_page_that_cannot_be_made_is_no_end() -> None:
    pages = iter([PAGE])
    address = f"127.0.0.1:{free_port()}"
    with MetricsServer(address, lambda: next(pages), list):
        assert fetch(address)[0] == 200
        assert fetch(address)[0] == 500
        assert fetch(address, "/-/healthy")[0] == 200


def test_the_oldest_client_makes_way(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLIENT_S", 60)
    clients = [connected(address, b"GET /metr") for _ in range(CLIENTS)]
    try:
        assert fetch(address)[0] == 200
        assert clients[0].recv(1) == b""
        clients[1].setblocking(False)
        with pytest.raises(BlockingIOError):
            clients[1].recv(1)
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "said", [b"", b"GET /metrics HTTP/1.1\r\n", b"x" * 100_000], ids=["nothing", "half", "too much"]
)
def test_nobody_stays(address: str, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLIENT_S", 0.2)
    with suppress(ConnectionResetError), connected(address, said) as client:
        assert client.recv(1) == b""


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLIENT_S", 0.2)
    address = f"127.0.0.1:{free_port()}"
    with MetricsServer(address, lambda: b"x" * (64 << 20), list), connected(address, b"GET /metrics HTTP/1.1\r\n\r\n"):
        assert fetch(address, "/-/healthy")[0] == 200
        time.sleep(0.5)
        ours = [end for end in psutil.Process().net_connections() if end.laddr.port == int(address[10:])]
        assert [end.status for end in ours if end.status != "LISTEN"] in ([], ["TIME_WAIT"])


def test_nothing_is_left_open() -> None:
    def use() -> None:
        address = f"127.0.0.1:{free_port()}"
        with MetricsServer(address, lambda: PAGE, list):
            assert fetch(address)[0] == 200

    use()
    gc.collect()
    before = psutil.Process().num_fds(), threading.active_count()
    for _ in range(3):
        use()
    gc.collect()
    assert (psutil.Process().num_fds(), threading.active_count()) == before


@pytest.mark.parametrize("address", ["127.0.0.1", "9590", ":9590", "127.0.0.1:", "127.0.0.1:70000", "host:http"])
def test_a_text_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match=r"write it as in '127\.0\.0\.1:9590'"):
        MetricsSettings(address=address)


@pytest.mark.parametrize("address", ["", "127.0.0.1:9590", "[::1]:9590", "0.0.0.0:1", "line3.example:65535"])
def test_addresses(address: str) -> None:
    assert MetricsSettings(address=address).address == address
