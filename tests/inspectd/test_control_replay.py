"""Verdicts replayed over the control socket, page by page, beside triggers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import zmq
from typer.testing import CliRunner

from inspectd.cli import app
from inspectd.client import Controller
from inspectd.errors import RequestRefusedError
from inspectd.journal import Journal
from inspectd.replay import PAGE_BYTES, PAGE_VERDICTS, page
from inspectd.wire.models import ControlError, ReplayPage, ReplayRequest
from tests.bundles import surface_picture, tiny_bundle
from tests.daemons import Configuration, RunningDaemon

VERDICTS = 1_200


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configuration]:
    """A daemon that has said something of so many frames, and goes on doing so."""
    folder = tmp_path_factory.mktemp("line")
    (folder / "web").mkdir()
    for index in range(4):
        cv2.imwrite(str(folder / "web" / f"{index}.png"), surface_picture(index))
    web = {"source": f"images:{folder / 'web'}", "preload": True, "loop": True}
    cameras = {"web": web, "fired": {**web, "trigger": "software"}}
    configuration = Configuration(folder, tiny_bundle(folder / "bundles"), cameras)
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(VERDICTS)
        yield configuration
        assert daemon.terminate() == 0, daemon.log.read_text()


def test_all_of_it_comes_in_order_and_triggers_are_answered_in_between(line: Configuration) -> None:
    replayed: list[bytes] = []
    triggered = 0
    with Controller(line.control, 20) as controller, Controller(line.control, 20) as another:
        while len(replayed) < VERDICTS:
            verdicts, told = controller.page(len(replayed) + 1, VERDICTS)
            assert isinstance(told, ReplayPage)
            assert len(verdicts) == told.sent <= PAGE_VERDICTS
            replayed += verdicts
            assert told.more == (len(replayed) < VERDICTS)
            triggered += 1
            assert another.trigger(f"part {triggered}", ["fired"], 20_000).part == f"part {triggered}"
    assert triggered == VERDICTS / PAGE_VERDICTS
    said = [json.loads(verdict) for verdict in replayed]
    assert [verdict["sequence"] for verdict in said] == list(range(1, VERDICTS + 1))
    assert said == line.verdicts_in_journal()[:VERDICTS]


def test_the_client_and_the_command_ask_on_by_themselves(line: Configuration) -> None:
    with Controller(line.control, 20) as controller:
        sequences = [json.loads(verdict)["sequence"] for verdict in controller.replay(950, VERDICTS)]
        assert sequences == list(range(950, VERDICTS + 1))
        assert [json.loads(verdict)["sequence"] for verdict in controller.page(5, limit=2).verdicts] == [5, 6]
        assert controller.page(10_000_000).verdicts == []
        with pytest.raises(RequestRefusedError, match="first"):
            controller.page(0)
    told = CliRunner().invoke(app, ["replay", "--control", line.control, "--first", "7", "--last", "160"])
    assert told.exit_code == 0, told.output
    assert [json.loads(row)["sequence"] for row in told.output.splitlines()] == list(range(7, 161))


def test_it_ends_though_the_line_goes_on(line: Configuration) -> None:
    """And is slower than the line: the newest at the first page is the last."""
    with Controller(line.control, 20) as controller:
        newest = controller.page(1, limit=1).end.last
        replaying = controller.replay(newest - 5)
        first = next(replaying)
        until = controller.page(1, limit=1).end.last
        while controller.page(1, limit=1).end.last < until + 3:
            time.sleep(0.05)
        sequences = [json.loads(verdict)["sequence"] for verdict in (first, *replaying)]
    assert sequences == list(range(newest - 5, sequences[-1] + 1))
    assert newest <= sequences[-1] <= until


def test_a_plain_socket_gets_one_message_of_several_parts(line: Configuration) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger, socket.rcvtimeo = 0, 20_000
        socket.connect(line.control)
        socket.send(b'{"request":"replay","first":3,"last":5}')
        head, *verdicts = socket.recv_multipart()
        told = ReplayPage.model_validate_json(head)
        assert (told.first, told.sent, told.more) == (1, 3, False)
        assert told.last >= VERDICTS
        assert [json.loads(verdict)["sequence"] for verdict in verdicts] == [3, 4, 5]
        socket.send(b'{"request":"replay","first":"x"}')
        (refusal,) = socket.recv_multipart()
        assert "first" in ControlError.model_validate_json(refusal).error


def test_a_page_ends_with_the_verdict_that_reaches_its_size(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db", 30, 64) as journal:
        journal.append(1, [b"x" * (PAGE_BYTES // 3)] * 8)
        with journal.reader() as reader:
            for first, last, sent, more in (
                (1, None, 4, True),
                (5, None, 4, False),
                (5, 7, 3, False),
                (1, 4, 4, False),
            ):
                told, verdicts = page(reader, ReplayRequest(first=first, last=last))
                assert (len(verdicts), told.sent, told.more) == (sent, sent, more)
