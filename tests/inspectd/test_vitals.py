"""When a stage is alive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
import zmq

from inspectd import vitals
from inspectd.router import Answer, Router
from inspectd.vitals import Pulse, Vitals
from tests.daemons import free_port, wait_until


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any step takes too long."""
    monkeypatch.setattr(vitals, "STEP_S", -1.0)


def test_a_step_has_its_time() -> None:
    pulse = Pulse("stage")
    pulse.beat()
    assert pulse.problem() is None


def test_a_step_that_takes_too_long(no_time: None) -> None:
    pulse = Pulse("stage")
    assert pulse.problem() is None  # which has not begun
    pulse.beat()
    assert pulse.problem() == "stage stuck for 0 s"
    with pulse.resting():
        assert pulse.problem() is None
    assert pulse.problem() is not None
    pulse.end()
    assert pulse.problem() is None


def test_what_may_wait_for_others_has_more_time(no_time: None) -> None:
    pulse = Pulse("stage", patience_s=60.0)
    pulse.beat()
    assert pulse.problem() is None


def test_a_stage_that_failed_is_not_alive() -> None:
    pulse = Pulse("stage")
    pulse.fail()
    assert pulse.problem() == "stage failed"


def test_all_problems_are_told() -> None:
    pulses = [Pulse("one"), Pulse("two"), Pulse("three")]
    assert Vitals(pulses).problems() == ()
    pulses[0].fail()
    pulses[2].fail()
    assert Vitals(pulses).problems() == ("one failed", "three failed")


def test_a_socket_that_answers_no_more_is_not_alive() -> None:
    @contextmanager
    def session() -> Iterator[Answer]:
        raise RuntimeError("the journal cannot be read")
        yield

    address = f"tcp://127.0.0.1:{free_port()}"
    with Router("publish.replay", address, session, watermark=1, failure="it failed") as router:
        wait_until(lambda: router.pulse.problem() == "publish.replay failed", "the failure is seen")


def test_a_request_that_fails_takes_away_only_its_own_answer() -> None:
    def answer(request: list[bytes]) -> list[list[bytes]]:
        if request == [b"bad"]:
            raise RuntimeError(request)
        return [request]

    address = f"tcp://127.0.0.1:{free_port()}"
    with Router("control.address", address, lambda: nullcontext(answer), watermark=1, failure="it failed") as router:
        with zmq.Context() as context, context.socket(zmq.DEALER) as client:
            client.linger = 0
            client.connect(address)
            client.send(b"bad")
            client.send(b"good")
            assert client.poll(20_000)
            assert client.recv() == b"good"
        assert router.pulse.problem() is None
