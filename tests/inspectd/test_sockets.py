"""Ending a context."""

from __future__ import annotations

import time

import pytest
import zmq

from inspectd import sockets
from inspectd.sockets import end_context


def test_a_socket_that_is_never_let_go_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "END_S", 0.2)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    held = context.socket(zmq.PUB)
    began = time.monotonic()
    end_context(context)
    assert time.monotonic() - began < 5
    held.close(linger=0)


def test_a_context_ends_once_its_sockets_are_closed() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.socket(zmq.PUB).close(linger=0)
    end_context(context)
    assert context.closed
    end_context(context)
