from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from inspectd.client import Replayer, replay
from inspectd.errors import ClientError, PublishError
from inspectd.journal import Journal
from inspectd.publisher import Publisher
from inspectd.replay import ANSWER_BYTES, ANSWER_VERDICTS, ReplayServer
from inspectd.settings import PublishSettings
from inspectd.wire.models import ReplayEnd, ReplayError, Verdict
from tests.daemons import free_port
from tests.inspectd.publishing import draft, local_settings, publishing


@pytest.fixture
def settings() -> PublishSettings:
    return local_settings()


@pytest.fixture
def publisher(tmp_path: Path, settings: PublishSettings) -> Iterator[Publisher]:
    with publishing(tmp_path / "journal.db", settings) as publisher:
        yield publisher


def publish(publisher: Publisher, count: int) -> None:
    for frame in range(1, count + 1):
        publisher.submit(draft(frame))
    assert publisher.flush(30)


class Peer:
    """A plain DEALER socket, as a client in another language would use it."""

    def __init__(self, address: str) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.rcvtimeo = 20_000
        self.socket.connect(address)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.destroy(linger=0)

    def ask(self, *parts: bytes) -> list[list[bytes]]:
        """All messages of the answer."""
        self.socket.send_multipart(parts)
        answer = [self.socket.recv_multipart()]
        while answer[-1][0] == b"verdict":
            answer.append(self.socket.recv_multipart())
        return answer


def test_an_answer_is_verdicts_and_an_end(publisher: Publisher, settings: PublishSettings) -> None:
    publish(publisher, 10)
    with Peer(settings.replay) as peer:
        *verdicts, end = peer.ask(b'{"request":"replay","first":3,"last":5}')
        assert [Verdict.model_validate_json(body).sequence for _, body in verdicts] == [3, 4, 5]
        assert end[0] == b"replay_end"
        told = ReplayEnd.model_validate_json(end[1])
        assert (told.first, told.last, told.sent) == (1, 10, 3)
        *verdicts, _ = peer.ask(b'{"request":"replay","first":9}')
        assert [Verdict.model_validate_json(body).sequence for _, body in verdicts] == [9, 10]
        (end,) = peer.ask(b'{"request":"replay","first":11}')
        assert ReplayEnd.model_validate_json(end[1]).sent == 0


def test_an_empty_journal_answers_too(publisher: Publisher, settings: PublishSettings) -> None:
    assert publisher.latest == 0
    with Peer(settings.replay) as peer:
        (end,) = peer.ask(b'{"request":"replay","first":1}')
    told = ReplayEnd.model_validate_json(end[1])
    assert (told.first, told.last, told.sent) == (0, 0, 0)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([b"hello"], "Invalid JSON"),
        ([b'{"request":"replay"}'], "first: Field required"),
        ([b'{"request":"replay","first":0}'], "first: Input should be greater than or equal to 1"),
        ([b'{"request":"replay","first":1,"lsat":4}'], "lsat: Extra inputs"),
        ([b'{"request":"erase","first":1}'], "request: Input should be 'replay'"),
        ([b"\xff\xfe", b"x"], "this one has 2 parts"),
    ],
)
def test_a_request_that_cannot_be_read_is_told(
    publisher: Publisher, settings: PublishSettings, parts: list[bytes], told: str
) -> None:
    publish(publisher, 1)
    with Peer(settings.replay) as peer:
        ((kind, body),) = peer.ask(*parts)
        assert kind == b"replay_error"
        assert told in ReplayError.model_validate_json(body).error
        assert len(peer.ask(b'{"request":"replay","first":1}')) == 2


def test_a_large_range_comes_in_answers_of_bounded_size(publisher: Publisher, settings: PublishSettings) -> None:
    count = 2 * ANSWER_VERDICTS + 7
    publish(publisher, count)
    with Replayer(settings.replay) as replayer:
        assert [len(replayer.ask(first).verdicts) for first in (1, 1 + ANSWER_VERDICTS, 1 + 2 * ANSWER_VERDICTS)] == [
            ANSWER_VERDICTS,
            ANSWER_VERDICTS,
            7,
        ]
    sequences = [json.loads(verdict)["sequence"] for verdict in replay(settings.replay, 1)]
    assert sequences == list(range(1, count + 1))
    assert [json.loads(verdict)["sequence"] for verdict in replay(settings.replay, 1500, 1502)] == [1500, 1501, 1502]


def test_large_verdicts_come_in_answers_of_bounded_size(publisher: Publisher, settings: PublishSettings) -> None:
    for frame in range(1, 31):
        publisher.submit(draft(frame, source="x" * 500_000))
    assert publisher.flush(30)
    with Replayer(settings.replay) as replayer:
        answer = replayer.ask(1)
    assert len(answer.verdicts) < 30
    assert ANSWER_BYTES <= sum(map(len, answer.verdicts)) < ANSWER_BYTES + 600_000
    assert len(list(replay(settings.replay, 1))) == 30


def test_a_peer_that_does_not_read_harms_nobody(publisher: Publisher, settings: PublishSettings) -> None:
    for frame in range(1, 101):
        publisher.submit(draft(frame, source="x" * 40_000))
    assert publisher.flush(30)
    with Peer(settings.replay) as deaf:
        deaf.socket.rcvhwm = 1
        for _ in range(200):
            deaf.socket.send(b'{"request":"replay","first":1}')
        assert len(list(replay(settings.replay, 1))) == 100
    assert len(list(replay(settings.replay, 1))) == 100


def test_several_peers_each_get_their_own(publisher: Publisher, settings: PublishSettings) -> None:
    publish(publisher, 20)
    with Replayer(settings.replay) as one, Replayer(settings.replay) as other:
        for first in range(1, 20):
            assert len(one.ask(first, first).verdicts) == 1
            assert len(other.ask(first).verdicts) == 21 - first


def test_nobody_there_is_told() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ClientError, match=f"no replay from '{address}'.*is the daemon running"):
        next(replay(address, 1, timeout_s=0.2))


def test_an_address_in_use_is_told(tmp_path: Path, publisher: Publisher, settings: PublishSettings) -> None:
    assert publisher.latest == 0
    with Journal(tmp_path / "other.db", 30, 64) as journal:
        server = ReplayServer(settings.replay, journal)
        with pytest.raises(PublishError, match=rf"publish\.replay = '{settings.replay}': is in use"):
            server.start()
        server.close()
