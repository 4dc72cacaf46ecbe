from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest
import zmq

from inspectd.client import (
    Client,
    Event,
    Gap,
    Heartbeat,
    JournalReplaced,
    Map,
    Repaired,
    Repairing,
    Restart,
    Silence,
    Verdict,
)
from inspectd.errors import ClientError
from inspectd.journal import Journal
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from inspectd.wire import addresses
from inspectd.wire.models import DaemonState
from tests.daemons import free_port
from tests.inspectd.publishing import PublishingProcess, distance_map, draft, heard_until, local_settings, publishing

Kind = TypeVar("Kind")


@pytest.fixture
def settings() -> PublishSettings:
    return local_settings()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def process(path: Path, settings: PublishSettings) -> Iterator[PublishingProcess]:
    with PublishingProcess(path, settings) as process:
        yield process


def until_sequence(sequence: int) -> Callable[[Event], bool]:
    """A heartbeat that tells this number, after which nothing of before can come."""
    return lambda event: isinstance(event, Heartbeat) and event.sequence >= sequence


def connected(client: Client) -> Heartbeat:
    heard = heard_until(client, lambda event: isinstance(event, Heartbeat))[-1]
    assert isinstance(heard, Heartbeat)
    return heard


def of(heard: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in heard if isinstance(event, kind)]


def sequences(heard: list[Event]) -> list[int]:
    return [verdict.sequence for verdict in of(heard, Verdict)]


def test_default_addresses_are_the_daemons() -> None:
    defaults = PublishSettings()
    assert (defaults.verdicts, defaults.maps, defaults.replay, defaults.pictures) == (
        addresses.VERDICTS,
        addresses.MAPS,
        addresses.REPLAY,
        addresses.PICTURES,
    )


def test_verdicts_come_as_they_are_published(process: PublishingProcess, settings: PublishSettings) -> None:
    with Client(settings.verdicts) as client:
        connected(client)
        process.submit(100)
        heard = heard_until(client, until_sequence(100))
    assert sequences(heard) == list(range(1, 101))
    assert not of(heard, Gap)
    assert not of(heard, Restart)
    assert of(heard, Verdict)[4].regions[0].peak == 3.5


def test_a_client_begins_with_what_comes_next(process: PublishingProcess, settings: PublishSettings) -> None:
    process.submit(50)
    with Client(settings.verdicts, replay=settings.replay) as client:
        connected(client)
        process.submit(3)
        assert sequences(heard_until(client, until_sequence(53))) == [51, 52, 53]


def test_since_replays_the_past_first(process: PublishingProcess, settings: PublishSettings) -> None:
    process.submit(1500)
    with Client(settings.verdicts, replay=settings.replay, since=20) as client:
        heard = heard_until(client, until_sequence(1500))
        process.submit(5)
        heard += heard_until(client, until_sequence(1505))
    assert sequences(heard) == list(range(20, 1506))
    assert of(heard, Gap) == []


def test_a_restart_loses_nothing_with_replay(process: PublishingProcess, settings: PublishSettings) -> None:
    """Killed and started again, with verdicts published before the client has connected anew."""
    with Client(settings.verdicts, replay=settings.replay) as client:
        first = connected(client)
        process.submit(10)
        heard = heard_until(client, until_sequence(10))
        process.kill()
        process.start(submit=7)
        heard += heard_until(client, until_sequence(17))
        process.submit(3)
        heard += heard_until(client, until_sequence(20))
    assert sequences(heard) == list(range(1, 21))
    assert [restart.boot != first.boot for restart in of(heard, Restart)] == [True]
    assert not of(heard, Gap)
    assert not of(heard, JournalReplaced)


def test_without_replay_the_gap_is_told(process: PublishingProcess, settings: PublishSettings) -> None:
    """The last verdicts before the client came back are noticed through the heartbeat."""
    with Client(settings.verdicts) as client:
        connected(client)
        process.submit(10)
        heard = heard_until(client, until_sequence(10))
        process.kill()
        process.start(submit=7)
        heard += heard_until(client, until_sequence(17))
        process.submit(3)
        heard += heard_until(client, until_sequence(20))
    told = sequences(heard) + [number for gap in of(heard, Gap) for number in range(gap.first, gap.last + 1)]
    assert sorted(told) == list(range(1, 21))
    assert of(heard, Gap)
    assert "no replay address" in of(heard, Gap)[0].detail


def test_a_slow_reader_misses_nothing_with_replay(path: Path, settings: PublishSettings) -> None:
    """Far more is published than the sockets keep while nobody reads."""
    count = 20_000
    with publishing(path, settings) as publisher, Client(settings.verdicts, replay=settings.replay) as client:
        connected(client)
        for frame in range(1, count + 1):
            publisher.submit(draft(frame))
        assert publisher.flush(60)
        heard = heard_until(client, until_sequence(count), timeout_s=120)
    assert sequences(heard) == list(range(1, count + 1))
    assert not of(heard, Gap)
    assert not of(heard, Restart)


def test_silence_is_told_and_so_is_its_end(process: PublishingProcess, settings: PublishSettings) -> None:
    with Client(settings.verdicts, silence_s=1.5) as client:
        connected(client)
        process.kill()
        silences = of(heard_until(client, lambda event: isinstance(event, Silence) and event.seconds > 2.9), Silence)
        assert len(silences) <= 2
        assert silences[0].seconds >= 1.5
        process.start()
        heard = heard_until(client, lambda event: isinstance(event, Heartbeat))
    assert len(of(heard, Restart)) == 1


def test_a_client_may_be_closed_twice() -> None:
    client = Client(f"tcp://127.0.0.1:{free_port()}", replay=f"tcp://127.0.0.1:{free_port()}")
    client.close()
    client.close()


def test_a_reader_that_was_away_is_not_told_of_silence(process: PublishingProcess, settings: PublishSettings) -> None:
    with Client(settings.verdicts, silence_s=1.5) as client:
        connected(client)
        time.sleep(2.0)
        assert isinstance(client.receive(5), Heartbeat)


def test_silence_is_told_where_nobody_ever_spoke() -> None:
    with Client(f"tcp://127.0.0.1:{free_port()}", silence_s=0.3) as client:
        assert isinstance(client.receive(20), Silence)


def test_nothing_in_time_is_none() -> None:
    with Client(f"tcp://127.0.0.1:{free_port()}") as client:
        assert client.receive(0.1) is None


def test_a_replaced_journal_is_told(process: PublishingProcess, path: Path, settings: PublishSettings) -> None:
    with Client(settings.verdicts, replay=settings.replay) as client:
        connected(client)
        process.submit(30)
        heard = heard_until(client, until_sequence(30))
        process.kill()
        for file in path.parent.glob(path.name + "*"):
            file.unlink()
        process.start(submit=4)
        heard += heard_until(client, lambda event: isinstance(event, Heartbeat) and event.sequence == 4)
    replaced = of(heard, JournalReplaced)
    assert [(event.expected, event.found) for event in replaced] == [(31, 4)]
    assert sequences(heard) == [*range(1, 31), 1, 2, 3, 4]
    assert {verdict.journal for verdict in of(heard, Verdict)[30:]} == {replaced[0].journal}


def test_a_replaced_journal_is_told_even_when_the_numbers_fit(
    process: PublishingProcess, path: Path, settings: PublishSettings
) -> None:
    with Client(settings.verdicts, replay=settings.replay) as client:
        connected(client)
        process.submit(3)
        heard = heard_until(client, until_sequence(3))
        process.kill()
        for file in path.parent.glob(path.name + "*"):
            file.unlink()
        process.start(submit=5)
        heard += heard_until(client, until_sequence(5))
    assert len(of(heard, JournalReplaced)) == 1
    assert sequences(heard) == [1, 2, 3, 1, 2, 3, 4, 5]


def test_a_client_that_comes_back_knows_its_journal(
    process: PublishingProcess, path: Path, settings: PublishSettings
) -> None:
    process.submit(8)
    with Client(settings.verdicts, replay=settings.replay, since=1) as client:
        last = of(heard_until(client, until_sequence(8)), Verdict)[-1]
    with Client(settings.verdicts, replay=settings.replay, since=last.sequence + 1, journal=last.journal) as client:
        process.submit(1)
        assert sequences(heard_until(client, until_sequence(9))) == [9]
    process.kill()
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    process.start(submit=12)
    with Client(settings.verdicts, replay=settings.replay, since=10, journal=last.journal) as client:
        heard = heard_until(client, until_sequence(12))
    assert len(of(heard, JournalReplaced)) == 1
    assert sequences(heard) == list(range(1, 13))


@pytest.mark.parametrize("patient", [False, True])
def test_what_the_journal_no_longer_holds_is_a_gap(path: Path, settings: PublishSettings, patient: bool) -> None:
    with Journal(path, 30, 64) as journal:
        journal.append(1, [b"{}"] * 40)
    time.sleep(2.1)
    with Journal(path, 1 / 86_400, 64) as journal:
        journal.prune()
    with publishing(path, settings) as publisher:
        for frame in range(1, 6):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        with Client(settings.verdicts, replay=settings.replay, since=11, patient=patient) as client:
            heard = heard_until(client, until_sequence(45))
    assert [(gap.first, gap.last) for gap in of(heard, Gap)] == [(11, 40)]
    assert "no longer in the journal" in of(heard, Gap)[0].detail
    assert sequences(heard) == [41, 42, 43, 44, 45]
    assert of(heard, Repairing) == []


def test_a_replay_that_does_not_answer_becomes_a_gap(process: PublishingProcess, settings: PublishSettings) -> None:
    process.submit(5)
    dead = f"tcp://127.0.0.1:{free_port()}"
    with Client(settings.verdicts, replay=dead, since=1, replay_timeout_s=0.3) as client:
        heard = heard_until(client, until_sequence(5))
        process.submit(2)
        heard += heard_until(client, until_sequence(7))
    assert [(gap.first, gap.last) for gap in of(heard, Gap)] == [(1, 5)]
    assert dead in of(heard, Gap)[0].detail
    assert sequences(heard) == [6, 7]


def test_what_cannot_be_read_is_a_gap(path: Path, settings: PublishSettings) -> None:
    with Journal(path, 30, 64) as journal:
        journal.append(1, [b"{}"] * 2)
    with (
        publishing(path, settings) as publisher,
        Client(settings.verdicts, replay=settings.replay, since=1) as client,
    ):
        heard = heard_until(client, until_sequence(2))
        publisher.submit(draft(1))
        assert publisher.flush(20)
        heard += heard_until(client, until_sequence(3))
    assert [(gap.first, gap.last) for gap in of(heard, Gap)] == [(1, 2)]
    assert "not a Verdict of this wire" in of(heard, Gap)[0].detail
    assert sequences(heard) == [3]


def test_a_patient_client_waits_until_a_replay_can_fill_the_gap(path: Path, settings: PublishSettings) -> None:
    """Nothing newer is told meanwhile, though it is published, and no heartbeat of meanwhile as if it were of now."""
    replay = f"tcp://127.0.0.1:{free_port()}"
    with publishing(path, settings) as publisher:
        for frame in range(1, 6):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        with (
            Client(settings.verdicts, replay=replay, since=3, replay_timeout_s=0.3, patient=True) as client,
            Client(settings.verdicts) as onlooker,
        ):
            (repairing,) = heard_until(client, lambda event: isinstance(event, Repairing))
            assert (repairing.first, repairing.last, replay in repairing.detail) == (3, 5, True)
            publisher.submit(draft(6))
            assert publisher.flush(20)
            assert [client.receive(wait_s) for wait_s in (0.0, 0.1, 1.0)] == [None] * 3
            *_, meanwhile = heard_until(onlooker, until_sequence(6))
            with ReplayServer(replay, publisher._journal):
                heard = heard_until(client, until_sequence(6))
    assert sequences(heard) == [3, 4, 5, 6]
    assert heard[3] == Repaired()
    assert of(heard, Gap) == []
    assert all(heartbeat.beat > meanwhile.beat for heartbeat in of(heard, Heartbeat))


def test_a_patient_client_does_not_wait_for_what_is_gone_with_its_journal(
    path: Path, settings: PublishSettings
) -> None:
    replay = f"tcp://127.0.0.1:{free_port()}"
    with publishing(path, settings) as publisher:
        for frame in range(1, 4):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        with Client(settings.verdicts, replay=replay, since=1, replay_timeout_s=0.3, patient=True) as client:
            heard_until(client, lambda event: isinstance(event, Repairing))
            with Journal(path.with_name("other.db"), 30, 64) as other, ReplayServer(replay, other):
                heard = heard_until(client, until_sequence(3))
    assert heard[:2] == [Gap(1, 3, "the journal was replaced"), Repaired()]
    assert sequences(heard) == []


def test_the_end_of_the_daemon_is_heard(process: PublishingProcess, settings: PublishSettings) -> None:
    with Client(settings.verdicts) as client:
        connected(client)
        stopping = threading.Thread(target=process.stop)
        stopping.start()
        heard_until(client, lambda event: isinstance(event, Heartbeat) and event.state is DaemonState.STOPPED)
        stopping.join()


@pytest.mark.parametrize("encoding", ["float16", "png"])
def test_maps_come_with_their_verdicts_numbers(path: Path, encoding: str) -> None:
    settings = local_settings(map_encoding=encoding)
    expected = distance_map()
    with publishing(path, settings) as publisher, Client(settings.verdicts, maps=settings.maps) as client:
        connected(client)
        heard: list[Event] = []
        while not of(heard, Map):  # the maps' socket connects in its own time
            publisher.submit(draft(1), expected)
            heard += [event for event in [client.receive(0.1)] if event is not None]
        received = of(heard, Map)[0]
    assert received.distance.shape == expected.distance.shape
    # float16 keeps three digits; a PNG keeps 1/255 of its scale, which ends at twice the threshold
    seen = expected.distance if encoding == "float16" else np.minimum(expected.distance, 2.0)
    assert np.abs(received.distance - seen).max() < 0.005
    assert 1 <= received.header.sequence <= publisher.latest


def send_to_client(message: list[bytes], *, maps: bool = False) -> ClientError:
    """What a client says of a message that is not of this wire."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.PUB)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    address, idle = f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{free_port()}"
    try:
        with Client(idle if maps else address, maps=address if maps else None) as client:
            for _ in range(100):
                socket.send_multipart(message)
                try:
                    client.receive(0.1)
                except ClientError as error:
                    return error
    finally:
        context.destroy(linger=0)
    pytest.fail("the message was accepted")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ([b"verdict/web/", b"{}"], "not a Verdict of this wire"),
        ([b"verdict/web/", b'{"wire":2}'], "the daemon speaks version 2 of the wire"),
        ([b"heartbeat/", b"no json"], "not a Heartbeat of this wire"),
        ([b"lonely"], "a message of 1 parts"),
    ],
)
def test_a_message_of_another_wire_is_told(message: list[bytes], told: str) -> None:
    assert told in str(send_to_client(message))


def test_a_damaged_map_is_told() -> None:
    header = (
        b'{"publisher":"p","boot":"b","journal":"j","sequence":5,"camera":"web","frame":1,"encoding":"float16",'
        b'"rows":2,"columns":3,"cell":8,"threshold":1.0,"full_scale":2.0}'
    )
    assert "the map of verdict 5 cannot be read" in str(send_to_client([b"map/web/", header, b"123"], maps=True))
    assert "not a MapHeader" in str(send_to_client([b"map/web/", b"{}", b"123"], maps=True))


def test_a_field_that_is_not_known_is_passed_over(path: Path, settings: PublishSettings) -> None:
    """A daemon of a later release may add some."""
    with publishing(path, settings) as publisher:
        publisher.submit(draft(1))
        assert publisher.flush(20)
    with Journal(path, 30, 64) as journal, journal.reader() as reader:
        (message,) = reader.read(1, 1, 1)
    later = message.replace(b'"camera":', b'"line_speed":3.5,"camera":')
    assert later != message
    assert Verdict.model_validate_json(later) == Verdict.model_validate_json(message)


def test_a_text_that_is_no_address_is_told() -> None:
    with pytest.raises(ClientError, match="'localhost' is not an address; write it as in"):
        Client("localhost")


def test_nothing_is_left_open(process: PublishingProcess, settings: PublishSettings) -> None:
    def use() -> None:
        with Client(settings.verdicts, replay=settings.replay, maps=settings.maps, since=1) as client:
            connected(client)

    process.submit(3)
    use()
    gc.collect()
    before = psutil.Process().num_fds(), threading.active_count()
    for _ in range(3):
        use()
    gc.collect()
    assert (psutil.Process().num_fds(), threading.active_count()) == before
