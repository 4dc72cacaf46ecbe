"""Gaps are filled as soon as they can be, and known to be for ever only when the daemon says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from inspectd.bridges.handover import Position
from inspectd.bridges.source import Heard, Lost, Repaired, Repairing, Source
from inspectd.client import Client, Heartbeat, Verdict
from inspectd.doorkeeper import Guard
from inspectd.journal import Journal
from inspectd.keys.store import KeyStore
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from tests.daemons import free_port, wait_until
from tests.inspectd.publishing import draft, heard_until, local_settings, publishing


@pytest.fixture
def settings() -> PublishSettings:
    return local_settings()


def sequences(heard: list[Heard]) -> list[int]:
    return [event.sequence for event in heard if isinstance(event, Verdict)]


def test_a_gap_waits_until_a_replay_can_fill_it(tmp_path: Path, settings: PublishSettings) -> None:
    """Nothing newer is told meanwhile, though it is published."""
    replay = f"tcp://127.0.0.1:{free_port()}"
    with publishing(tmp_path / "journal.db", settings) as publisher:
        for frame in range(1, 6):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        name = _journal_name(settings)
        with Source(settings.verdicts, replay, Position(1, name, 2)) as source:
            heard = heard_until(source, lambda event: isinstance(event, Repairing))
            assert heard == [Repairing(3, 5)]
            publisher.submit(draft(6))
            assert publisher.flush(20)
            assert source.receive(0.1) is None
            with ReplayServer(replay, publisher._journal):
                heard = heard_until(source, lambda event: isinstance(event, Verdict) and event.sequence == 6)
    assert sequences(heard) == [3, 4, 5, 6]
    assert heard[3] == Repaired()


def _journal_name(settings: PublishSettings) -> str:
    with Source(settings.verdicts, settings.replay, None) as source:
        (beat,) = heard_until(source, lambda event: isinstance(event, Heartbeat))
        assert isinstance(beat, Heartbeat)
        return beat.journal


def test_what_the_journal_no_longer_holds_is_lost(tmp_path: Path, settings: PublishSettings) -> None:
    path = tmp_path / "journal.db"
    with Journal(path, 30, 64) as journal:
        journal.append(1, [b"{}"] * 40)
    time.sleep(2.1)
    with Journal(path, 1 / 86_400, 64) as journal:
        journal.prune()
    with publishing(path, settings) as publisher:
        for frame in range(1, 4):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
        name = _journal_name(settings)
        with Source(settings.verdicts, settings.replay, Position(1, name, 10)) as source:
            heard = heard_until(source, lambda event: isinstance(event, Verdict) and event.sequence == 43)
    assert [event for event in heard if isinstance(event, Lost)] == [Lost(11, 40)]
    assert sequences(heard) == [41, 42, 43]


def test_a_bridge_shows_its_key_for_verdicts_and_for_what_it_missed(tmp_path: Path, settings: PublishSettings) -> None:
    keys, file, stranger = KeyStore(tmp_path / "keys"), tmp_path / "plc", tmp_path / "stranger"
    keys.make_server()
    for name, own in (("plc", file), ("stranger", stranger)):
        keys.make_client(name, own)
    keys.revoke("stranger")
    with publishing(tmp_path / "journal.db", settings, Guard(keys.directory)) as publisher:
        publisher.submit(draft(1))
        assert publisher.flush(20)
        with Client(settings.verdicts, keys=file) as client:
            (beat,) = heard_until(client, lambda event: isinstance(event, Heartbeat))
        with Source(settings.verdicts, settings.replay, Position(1, beat.journal, 0), file) as source:
            publisher.submit(draft(2))
            heard = heard_until(source, lambda event: isinstance(event, Verdict) and event.sequence == 2)
        assert sequences(heard) == [1, 2]
        with Source(settings.verdicts, settings.replay, None, stranger) as source, capture_logs() as log:
            wait_until(
                lambda: source.receive(0.1) is None and "the daemon does not let this bridge in" in map(event_of, log),
                "it is told that it is not let in",
            )


def event_of(line: EventDict) -> str:
    return str(line["event"])
