"""Gaps are filled as soon as they can be, and known to be for ever only when the daemon says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from inspectd.bridges.handover import Position
from inspectd.bridges.source import Heard, Lost, Repaired, Repairing, Source
from inspectd.client import Heartbeat, Verdict
from inspectd.journal import Journal
from inspectd.replay import ReplayServer
from inspectd.settings import PublishSettings
from tests.daemons import free_port
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
