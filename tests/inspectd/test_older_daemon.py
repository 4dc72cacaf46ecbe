"""What a client sends to a daemon that is older than it, which refuses keys that it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zmq

from inspectd.client import Controller
from inspectd.client.replayer import Replayer
from inspectd.errors import ClientError, RequestRefusedError
from inspectd.wire.models import ControlError, ReplayError
from inspectd.wire.topics import REPLAY_ERROR

BY = {"who": "ada", "why": "a test"}


def sent(ask: Callable[[str], object], answer: list[bytes], refusal: type[Exception]) -> dict[str, Any]:
    """The request that reaches a daemon, which refuses it."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as daemon, ThreadPoolExecutor(1) as client:
        daemon.linger, daemon.rcvtimeo = 1000, 20_000
        port = daemon.bind_to_random_port("tcp://127.0.0.1")
        asking = client.submit(ask, f"tcp://127.0.0.1:{port}")
        identity, request = daemon.recv_multipart()
        daemon.send_multipart([identity, *answer])
        with pytest.raises(refusal, match="refused"):
            asking.result(20)
    told: dict[str, Any] = json.loads(request)
    return told


@pytest.mark.parametrize(
    ("ask", "keys"),
    [
        (lambda daemon: daemon.page(7), {"request": "replay", "first": 7}),
        (lambda daemon: daemon.page(7, 9, 2), {"request": "replay", "first": 7, "last": 9, "limit": 2}),
        (lambda daemon: daemon.trigger("4711"), {"request": "trigger", "part": "4711"}),
        (lambda daemon: daemon.shadow(None, **BY), {"request": "shadow", "model": None, **BY}),  # null says: none
    ],
)
def test_what_is_not_asked_for_is_not_said(ask: Callable[[Controller], object], keys: dict[str, Any]) -> None:
    def asked(address: str) -> None:
        with Controller(address, 20) as controller:
            ask(controller)

    assert sent(asked, [ControlError(error="refused").model_dump_json().encode()], RequestRefusedError) == keys


def test_nor_to_the_replay_socket() -> None:
    def asked(address: str) -> None:
        with Replayer(address, 20) as replayer:
            replayer.ask(7)

    refusal = [REPLAY_ERROR, ReplayError(error="refused").model_dump_json().encode()]
    assert sent(asked, refusal, ClientError) == {"request": "replay", "first": 7}
