from __future__ import annotations

import gc
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import zmq

from engines.pixels import PixelFormat
from inspectd.errors import JournalError, PublishError
from inspectd.frames import Frame, Loan
from inspectd.journal import Journal
from inspectd.metrics.meters import Meters
from inspectd.publisher import BEAT_S, Publisher
from inspectd.settings import PublishSettings
from inspectd.wire.maps import decode_map
from inspectd.wire.models import DaemonState, Heartbeat, MapHeader, Outcome, Reason, Verdict
from tests.daemons import free_port, wait_until
from tests.inspectd.publishing import CAMERAS, STATUS, distance_map, draft, local_settings, publishing

PATIENCE_MS = 20_000


class Subscriber:
    """A plain SUB socket, as a reader in another language would use it."""

    def __init__(self, address: str, topic: bytes = b"") -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.rcvtimeo = PATIENCE_MS
        self.socket.subscribe(topic)
        self.socket.connect(address)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.destroy(linger=0)

    def receive(self) -> list[bytes]:
        return self.socket.recv_multipart()

    def heartbeat(self, state: DaemonState | None = None) -> Heartbeat:
        """The next heartbeat, or the next in this state."""
        while True:
            topic, body = self.receive()
            if topic == b"heartbeat/":
                beat = Heartbeat.model_validate_json(body)
                if state in {None, beat.state}:
                    return beat

    def verdict(self) -> Verdict:
        """The next verdict."""
        while True:
            topic, body = self.receive()
            if topic.startswith(b"verdict/"):
                return Verdict.model_validate_json(body)


@pytest.fixture
def settings() -> PublishSettings:
    return local_settings()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_verdicts_are_numbered_and_sent_in_order(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts) as subscriber:
        subscriber.heartbeat()
        for frame in range(1, 51):
            publisher.submit(draft(frame, camera="web" if frame % 2 else "edge"))
        heard = [subscriber.verdict() for _ in range(50)]
    assert [verdict.sequence for verdict in heard] == list(range(1, 51))
    assert [verdict.frame for verdict in heard] == list(range(1, 51))
    assert {verdict.publisher for verdict in heard} == {"line-3"}
    assert len({(verdict.boot, verdict.journal) for verdict in heard}) == 1
    assert heard[0].latency_ms == 5.0
    assert heard[0].captured_utc.endswith("Z")


def test_the_topic_names_the_camera(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts, b"verdict/web/") as subscriber:
        while not subscriber.socket.poll(50):  # it connects in its own time
            for camera in ("web2", "edge", "web"):
                publisher.submit(draft(1, camera=camera))
        assert subscriber.receive()[0] == b"verdict/web/"


def test_a_verdict_is_durable_before_anybody_sees_it(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts) as subscriber:
        subscriber.heartbeat()
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for frame in range(1, 101):
            publisher.submit(draft(frame))
            verdict = subscriber.verdict()
            row = reader.execute("SELECT message FROM verdicts WHERE sequence = ?", (verdict.sequence,)).fetchone()
            assert row is not None
            assert Verdict.model_validate_json(row[0]) == verdict
        reader.close()


def test_numbers_go_on_in_the_next_life(path: Path, settings: PublishSettings) -> None:
    boots = set()
    for life in range(3):
        with publishing(path, settings) as publisher, Subscriber(settings.verdicts) as subscriber:
            beat = subscriber.heartbeat()
            assert beat.sequence == life
            publisher.submit(draft(1))
            verdict = subscriber.verdict()
            assert verdict.sequence == life + 1
            boots.add(verdict.boot)
    assert len(boots) == 3


def test_heartbeats_tell_the_state(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts) as subscriber:
        first = subscriber.heartbeat()
        for outcome in (Outcome.PASS, Outcome.PASS, Outcome.FAIL):
            publisher.submit(draft(1, outcome=outcome))
        publisher.submit(draft(2, outcome=Outcome.ERROR, reason=Reason.DEADLINE))
        publisher.flush(20)
        later = subscriber.heartbeat()
    assert later.beat > first.beat
    assert (later.passed, later.failed, later.errors, later.sequence) == (2, 1, 1, 4)
    assert later.state is DaemonState.INSPECTING
    assert later.cameras == STATUS.cameras
    assert later.open_frames == 2
    assert (later.sent_monotonic_ns - first.sent_monotonic_ns) / 1e9 >= BEAT_S * (later.beat - first.beat)


def test_heartbeats_come_under_load_too(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts, b"heartbeat/") as subscriber:
        subscriber.heartbeat()
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                publisher.submit(draft(1), distance_map(60, 80))

        thread = threading.Thread(target=load)
        thread.start()
        beats = [subscriber.heartbeat() for _ in range(3)]
        done.set()
        thread.join()
    assert [beat.beat - beats[0].beat for beat in beats] == [0, 1, 2]
    assert beats[0].sequence < beats[1].sequence < beats[2].sequence


@pytest.mark.parametrize(("encoding", "tolerance"), [("float16", 2e-3), ("png", 0.5 * 2 / 255 + 1e-6)])
def test_maps_follow_their_verdicts(path: Path, encoding: str, tolerance: float) -> None:
    settings = local_settings(map_encoding=encoding)
    sent = distance_map(rows=7, columns=11)
    with publishing(path, settings) as publisher, Subscriber(settings.maps) as subscriber:
        while not subscriber.socket.poll(50):
            publisher.submit(draft(3), sent)
        topic, raw_header, payload = subscriber.receive()
    header = MapHeader.model_validate_json(raw_header)
    assert topic == b"map/web/"
    assert (header.rows, header.columns, header.cell, header.frame) == (7, 11, 8, 3)
    assert (header.threshold, header.full_scale, header.encoding) == (1.0, 2.0, encoding)
    seen = np.minimum(sent.distance, 2.0) if encoding == "png" else sent.distance
    assert np.abs(decode_map(header, payload) - seen).max() <= tolerance


def test_no_maps_when_they_are_off(path: Path) -> None:
    settings = local_settings(map_encoding="off")
    with publishing(path, settings) as publisher, Subscriber(settings.maps) as subscriber:
        publisher.submit(draft(1), distance_map())
        assert publisher.flush(20)
        assert not subscriber.socket.poll(300)


def test_the_end_reaches_the_subscribers(path: Path, settings: PublishSettings) -> None:
    with Subscriber(settings.verdicts) as subscriber:
        with publishing(path, settings) as publisher:
            subscriber.heartbeat()
            for frame in range(1, 301):
                publisher.submit(draft(frame))
        heard = [subscriber.verdict() for _ in range(300)]
        last = subscriber.heartbeat()
    assert heard[-1].sequence == 300
    assert (last.state, last.sequence, last.failed) == (DaemonState.STOPPED, 300, 300)


def test_flush_means_durable(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher:
        for frame in range(1, 501):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        assert publisher.latest == 500
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
            assert reader.execute("SELECT count(*) FROM verdicts").fetchone() == (500,)


def test_many_threads_may_submit(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher:

        def submit() -> None:
            for frame in range(1, 301):
                publisher.submit(draft(frame))

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert publisher.flush(20)
        assert publisher.latest == 1200


def publisher_on(settings: PublishSettings, journal: Journal, fatal: list[Exception]) -> Publisher:
    meters = Meters(CAMERAS)
    return Publisher(settings, "line-3", "boot", journal, lambda: STATUS, on_fatal=fatal.append, meters=meters)


@pytest.mark.parametrize("which", ["verdicts", "maps"])
def test_an_address_in_use_is_told(path: Path, settings: PublishSettings, which: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    other = context.socket(zmq.PUB)
    other.bind(getattr(settings, which))
    try:
        with Journal(path, 30, 64) as journal:
            publisher = publisher_on(settings, journal, [])
            with pytest.raises(PublishError) as told:
                publisher.start()
            publisher.close()
    finally:
        context.destroy(linger=0)
    assert f"publish.{which} = '{getattr(settings, which)}'" in str(told.value)
    assert "in use" in str(told.value)
    assert "another port" in str(told.value)


@pytest.mark.parametrize(
    ("address", "way_out"),
    [
        ("tcp://203.0.113.9:5590", "no address of this machine"),
        ("5590", "is not an address"),
        ("udpx://1:2", "unknown transport"),
    ],
)
def test_an_impossible_address_is_told(path: Path, address: str, way_out: str) -> None:
    settings = PublishSettings(verdicts=address, maps=f"tcp://127.0.0.1:{free_port()}")
    with Journal(path, 30, 64) as journal:
        publisher = publisher_on(settings, journal, [])
        with pytest.raises(PublishError, match=way_out):
            publisher.start()
        publisher.close()


class Intruder:
    """Another program, which can lock the journal's file, so that nobody else can write it."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def lock(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        self.connection.execute("ROLLBACK")


def test_a_journal_that_fails_for_a_moment_loses_nothing(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher, Subscriber(settings.verdicts) as subscriber:
        subscriber.heartbeat()
        publisher.submit(draft(1))
        assert subscriber.verdict().sequence == 1
        intruder = Intruder(path)
        intruder.lock()
        publisher.submit(draft(2))
        failing = subscriber.heartbeat(DaemonState.JOURNAL_FAILING)
        assert failing.sequence == 1
        assert not publisher.flush(0.5)
        intruder.unlock()
        verdict = subscriber.verdict()
        assert (verdict.sequence, verdict.frame) == (2, 2)
        assert subscriber.heartbeat(DaemonState.INSPECTING).sequence == 2


def shown(number: int, released: list[int]) -> Frame:
    """A frame that onlookers are shown; it is told when its buffer goes back."""
    pixels = np.zeros((4, 4), np.uint8)
    loan = Loan(lambda: released.append(number))
    return Frame("web", number, pixels, PixelFormat.MONO8, time.monotonic_ns(), time.time_ns(), None, loan)


def test_a_journal_that_stays_broken_is_fatal_and_nothing_undurable_is_sent(
    path: Path, settings: PublishSettings
) -> None:
    fatal: list[Exception] = []
    with Journal(path, 30, 64) as journal, Subscriber(settings.verdicts) as subscriber:
        publisher = publisher_on(settings, journal, fatal)
        publisher.start()
        subscriber.heartbeat()
        publisher.submit(draft(1))
        assert subscriber.verdict().sequence == 1
        intruder = Intruder(path)
        intruder.lock()
        released: list[int] = []
        publisher.submit(draft(2), None, shown(2, released))
        wait_until(lambda: fatal, "the fault is fatal")
        for frame in range(3, 3000):  # more than the outbox holds: nobody may hang now
            publisher.submit(draft(frame), None, shown(frame, released))
        publisher.close()
        intruder.unlock()
        assert sorted(released) == list(range(2, 3000))
        assert len(fatal) == 1
        assert isinstance(fatal[0], JournalError)
        sequences = []
        while True:
            topic, body = subscriber.receive()
            if topic != b"heartbeat/":
                sequences.append(body)
            elif Heartbeat.model_validate_json(body).state is DaemonState.STOPPED:
                break
        assert sequences == []
        assert journal.next_sequence == 2


def test_a_full_outbox_holds_the_pipeline_back(path: Path, settings: PublishSettings) -> None:
    with publishing(path, settings) as publisher:
        intruder = Intruder(path)
        intruder.lock()
        submitted = []

        def submit() -> None:
            for frame in range(1, 3001):
                publisher.submit(draft(frame))
                submitted.append(frame)

        thread = threading.Thread(target=submit)
        thread.start()
        time.sleep(1.0)
        assert thread.is_alive()
        assert len(submitted) < 2000
        intruder.unlock()
        thread.join(20)
        assert publisher.flush(20)
        assert publisher.latest == 3000


def test_nothing_is_left_open(path: Path) -> None:
    def use() -> None:
        with publishing(path, local_settings()) as publisher:
            publisher.submit(draft(1), distance_map())

    use()
    gc.collect()
    before = psutil.Process().num_fds(), threading.active_count()
    for _ in range(3):
        use()
    gc.collect()
    assert (psutil.Process().num_fds(), threading.active_count()) == before


def test_a_draft_that_denies_itself_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"web frame 1: PASS with score 2\.5 against threshold 1"):
        draft(1, outcome=Outcome.PASS, score=2.5)
    with pytest.raises(ValueError, match="an ERROR has a reason"):
        draft(1, outcome=Outcome.ERROR)
    with pytest.raises(ValueError, match="FAIL has a score, and no reason"):
        draft(1, outcome=Outcome.FAIL, score=None)
    with pytest.raises(ValueError, match="PASS with score nan"):
        draft(1, outcome=Outcome.PASS, score=float("nan"))
