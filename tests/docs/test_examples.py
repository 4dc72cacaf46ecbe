"""The example subscribers in other languages tell what the daemon said: in order, each once, whatever came between."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from engines.bundle import Bundle
from inspectd.client import Change, Client, PartVerdict, Verdict
from inspectd.keys.store import KeyStore
from inspectd.publisher import Publisher
from inspectd.wire.drafts import ChangeDraft
from inspectd.wire.models import ChangeAction, Outcome, Reason
from tests.bridges.feeding import part_draft
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon
from tests.docs.examples import LANGUAGES, NUMBERED, Example, LackingError, built
from tests.inspectd.publishing import PublishingProcess, draft, heard_until, local_settings, publishing

BEYOND_THE_QUEUES = 12_000
"""Verdicts; more than ZeroMQ and the kernel keep for a subscriber that takes none."""
PICTURES = 8


Examples = dict[str, Example | LackingError]

in_each_language = pytest.mark.parametrize("language", [language.folder for language in LANGUAGES])


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Built once, or why not."""
    parent = tmp_path_factory.mktemp("examples")
    found: Examples = {}
    for language in LANGUAGES:
        try:
            found[language.folder] = built(language, parent / language.folder)
        except LackingError as lacking:
            found[language.folder] = lacking
    return found


@pytest.fixture
def example(examples: Examples, language: str) -> Example:
    found = examples[language]
    if isinstance(found, LackingError):
        pytest.skip(f"{found}; tools/setup/debian-packages.sh --tests installs what Debian has")
    return found


def told(event: Verdict | PartVerdict | Change) -> str:
    """An event of the client library as the examples print it."""
    match event:
        case Verdict():
            said = event.reason or f"{event.score:.4g}"
            return f"{event.sequence} verdict {event.camera} {event.outcome} {said}"
        case PartVerdict():
            return f"{event.sequence} part {event.part} {event.outcome}"
        case Change():
            return f"{event.sequence} change {event.surface} {event.action} {event.bundle}"


def a_change(name: str) -> ChangeDraft:
    return ChangeDraft(
        id=name,
        action=ChangeAction.ACTIVATE,
        surface="brick",
        bundle="new",
        bundle_before="old",
        threshold=1.0,
        threshold_before=2.0,
        who="mara",
        why=None,
        changed_utc_ns=time.time_ns(),
        changed_monotonic_ns=time.monotonic_ns(),
    )


def submit_each_kind(publisher: Publisher, change: str) -> None:
    publisher.submit(draft(1, outcome=Outcome.PASS))
    publisher.submit(draft(2, outcome=Outcome.FAIL))
    publisher.submit(draft(None, outcome=Outcome.ERROR, reason=Reason.CAMERA_LOST))
    publisher.submit(part_draft("K\N{LATIN SMALL LETTER O WITH DIAERESIS}ln 4711", time.monotonic_ns()))
    publisher.submit(a_change(change))
    assert publisher.flush(20)


@in_each_language
def test_it_tells_what_the_client_library_tells(example: Example, tmp_path: Path) -> None:
    """Every kind of message, some of them by replay."""
    settings = local_settings()
    with (
        example.run("--since", "1", settings.verdicts, settings.replay) as subscriber,
        publishing(tmp_path / "journal.db", settings) as publisher,
        Client(settings.verdicts, replay=settings.replay, since=1) as client,
    ):
        submit_each_kind(publisher, "before")
        subscriber.wait_for("state inspecting")
        submit_each_kind(publisher, "since")
        subscriber.wait_for("10 change")
        heard = heard_until(client, lambda event: isinstance(event, Change) and event.sequence == 10)
    events = [event for event in heard if isinstance(event, Verdict | PartVerdict | Change)]
    assert subscriber.numbered() == [told(event) for event in events]
    assert subscriber.numbers() == list(range(1, 11))


@in_each_language
def test_it_says_what_the_journal_holds_no_more(example: Example, tmp_path: Path) -> None:
    settings, path = local_settings(), tmp_path / "journal.db"
    with publishing(path, settings) as publisher:
        for frame in range(1, 11):
            publisher.submit(draft(frame))
        assert publisher.flush(20)
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute("DELETE FROM verdicts WHERE sequence <= 5")
    with (
        example.run("--since", "3", settings.verdicts, settings.replay) as subscriber,
        publishing(path, settings),
    ):
        subscriber.wait_for("10 verdict")
    assert [line for line in subscriber.lines if line.startswith(("missing", "lost"))] == [
        "missing 3 10: asking for them",
        "lost 3 5: no longer in the journal; take these parts for bad",
    ]
    assert subscriber.numbers() == [6, 7, 8, 9, 10]


@in_each_language
def test_numbers_of_another_journal_are_told_from_the_first(example: Example, tmp_path: Path) -> None:
    settings = local_settings()
    with (
        example.run("--since", "4", "--journal", "b194", settings.verdicts, settings.replay) as subscriber,
        publishing(tmp_path / "journal.db", settings) as publisher,
    ):
        for frame in range(1, 6):
            publisher.submit(draft(frame))
        subscriber.wait_for("5 verdict")
    assert len([line for line in subscriber.lines if line.startswith("journal-replaced ")]) == 1
    assert subscriber.numbers() == [1, 2, 3, 4, 5]


@dataclass(frozen=True)
class Story:
    """What the examples told of one long day, all at once."""

    lines: Mapping[str, list[str]]
    busy: int
    """The last number published while they took nothing."""
    away: int
    """The last number published while they were not connected."""


@pytest.fixture(scope="module")
def story(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """They are too slow, the daemon is killed and comes back, and its journal is lost."""
    path, settings = tmp_path_factory.mktemp("story") / "journal.db", local_settings()
    with PublishingProcess(path, settings) as daemon, ExitStack() as running:
        subscribers = {
            name: running.enter_context(example.run(settings.verdicts, settings.replay))
            for name, example in examples.items()
            if isinstance(example, Example)
        }

        def all_told(beginning: str, times: int = 1) -> None:
            for subscriber in subscribers.values():
                subscriber.wait_for(beginning, times)

        all_told("state inspecting")
        daemon.submit(10)
        all_told("10 verdict")
        for subscriber in subscribers.values():
            subscriber.stop()
        busy = daemon.submit(BEYOND_THE_QUEUES)
        for subscriber in subscribers.values():
            subscriber.go_on()
        all_told(f"{busy} verdict")
        daemon.kill()
        all_told("silence")
        daemon.start(submit=7)
        away = busy + 7
        all_told(f"{away} verdict")
        daemon.kill()
        for file in path.parent.glob("journal.db*"):
            file.unlink()
        daemon.start(submit=3)
        all_told("3 verdict", times=2)
        return Story({name: subscriber.lines for name, subscriber in subscribers.items()}, busy, away)


def index(lines: Sequence[str], beginning: str) -> int:
    return next(place for place, line in enumerate(lines) if line.startswith(beginning))


@in_each_language
def test_each_verdict_is_told_once_and_in_order(example: Example, language: str, story: Story) -> None:
    lines = story.lines[language]
    numbers = [int(found[1]) for line in lines if (found := NUMBERED.match(line))]
    assert numbers == [*range(1, story.away + 1), 1, 2, 3]
    assert not [line for line in lines if line.startswith("lost")]


@in_each_language
def test_a_slow_subscriber_asks_for_what_it_missed(example: Example, language: str, story: Story) -> None:
    repairs = [line.split()[1:] for line in story.lines[language] if line.startswith("missing ")]
    within = [(int(first), int(last.rstrip(":"))) for first, last, *_ in repairs]
    assert any(10 < first <= last <= story.busy and last - first >= 1000 for first, last in within)


@in_each_language
def test_it_sees_silence_restart_and_another_journal(example: Example, language: str, story: Story) -> None:
    lines = story.lines[language]
    places = [index(lines, beginning) for beginning in ("silence", "restart", f"{story.away} ", "journal-replaced")]
    assert places == sorted(places)
    assert len([line for line in lines if line.startswith("restart")]) == 2
    assert len([line for line in lines if line.startswith("journal-replaced")]) == 1


@dataclass(frozen=True)
class LockedLine:
    """A daemon that asks for keys, and the file of a client that it lets in."""

    configuration: Configuration
    keys: Path


@pytest.fixture(scope="module")
def locked(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedLine]:
    folder = tmp_path_factory.mktemp("locked")
    store, keys = KeyStore(folder / "keys"), folder / "plc.key_secret"
    store.make_server()
    store.make_client("plc", keys)
    (folder / "web").mkdir()
    for seed in range(PICTURES):
        picture = surface_picture(seed)
        cv2.imwrite(str(folder / "web" / f"{seed}.png"), spot(picture, 20, 30) if seed == 5 else picture)
    cameras = {"web": {"source": f"images:{folder}/web/*.png"}}
    configuration = Configuration(folder, bundle, cameras, extra=f'[security]\nkeys = "{folder}/keys"\n')
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(PICTURES)
        yield LockedLine(configuration, keys)


@in_each_language
def test_with_keys_it_reads_what_a_daemon_journaled(example: Example, locked: LockedLine) -> None:
    addresses = (locked.configuration.verdicts, locked.configuration.replay)
    with example.run("--since", "1", "--keys", str(locked.keys), *addresses) as subscriber:
        subscriber.wait_for(f"{PICTURES} verdict")
    journaled = [Verdict.model_validate(message) for message in locked.configuration.verdicts_in_journal()]
    assert [line.split()[:4] for line in subscriber.numbered()] == [
        [str(verdict.sequence), "verdict", "web", verdict.outcome] for verdict in journaled
    ]
    scores = [float(line.split()[4]) for line in subscriber.numbered()]
    assert scores == pytest.approx([verdict.score for verdict in journaled], rel=1e-3)


def test_without_the_key_they_hear_nothing(examples: Examples, locked: LockedLine) -> None:
    addresses = (locked.configuration.verdicts, locked.configuration.replay)
    with ExitStack() as running:
        subscribers = [
            running.enter_context(example.run("--since", "1", *addresses))
            for example in examples.values()
            if isinstance(example, Example)
        ]
        for subscriber in subscribers:
            subscriber.wait_for("silence 3 s")
    assert [subscriber.numbered() for subscriber in subscribers] == [[]] * len(subscribers)
