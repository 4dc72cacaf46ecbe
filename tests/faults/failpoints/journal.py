"""The journal: made, appended to, and made room in."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from tests.daemons import wait_until
from tests.faults.failpoints.points import Call, Point
from tests.faults.failpoints.scene import Scene
from tests.faults.failpoints.writer import Work, published, submit
from tests.faults.sweep.listener import Listener
from tests.inspectd.publishing import local_settings

SMALL_MB = 5
"""One is for the log, and little is left."""
LARGE_MB = 64


class Writing(Scene):
    """Verdicts are appended; the process is killed, and another goes on where it was."""

    seed: ClassVar[int]
    """Verdicts that are there already."""
    count: ClassVar[int]
    """That a life submits."""
    burst: ClassVar[int]
    regions: ClassVar[int]
    size_mb: ClassVar[int]

    def __init__(self, library: Path, templates: Path) -> None:
        super().__init__(library)
        self._template = templates / type(self).__name__
        self._template.mkdir()
        if self.seed:
            work = self._work(self._template, first=1, count=self.seed)
            with published(work) as publisher:
                list(submit(publisher, work))

    def play(self, folder: Path, point: Point) -> list[Call]:
        """See `Scene`."""
        state = folder / "state"
        shutil.copytree(self._template, state)
        work = self._work(state, first=self.seed + 1, count=self.count)
        with Listener(work.settings.verdicts) as listener:
            code, acknowledged = self._live(work, listener, self.environment(folder, point, state))
            calls = self.killed_at(folder, point, code)
            lives = len(listener.boots)
            again = work.model_copy(update={"first": work.first + work.count, "count": 2 * work.burst})
            with published(again) as publisher:
                first_of_restart = publisher.latest + 1
                wait_until(lambda: len(listener.boots) > lives, "the listener hears")
                assert list(submit(publisher, again))
            _check(work, listener, acknowledged, first_of_restart)
        return calls

    def _work(self, state: Path, first: int, count: int) -> Work:
        return Work(
            journal=state / "journal.db",
            max_size_mb=self.size_mb,
            settings=local_settings(),
            first=first,
            count=count,
            burst=self.burst,
            regions=self.regions,
        )

    def _live(self, work: Work, listener: Listener, environment: Mapping[str, str]) -> tuple[int, list[int]]:
        """One life of the writer: its exit code, and the labels that it said are published."""
        command = [sys.executable, "-m", "tests.faults.failpoints.writer", work.model_dump_json()]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        assert process.stdout is not None
        if process.stdout.readline():
            wait_until(lambda: listener.heartbeats or process.poll() is not None, "the listener hears")
        said, _ = process.communicate("go on\n", timeout=60)
        return process.returncode, [int(line) for line in said.split()]


class Made(Writing):
    """There is none at first."""

    name, share, seed, count, burst, regions, size_mb = "journal made", 8, 0, 4, 2, 1, LARGE_MB


class Appended(Writing):
    """There is room."""

    name, share, seed, count, burst, regions, size_mb = "journal appended to", 10, 50, 40, 4, 1, LARGE_MB


class Full(Writing):
    """The oldest verdicts must give way, the log goes into the file, and the file is cut."""

    name, share, seed, count, burst, regions, size_mb = "journal full", 12, 200, 60, 6, 30, SMALL_MB


def _check(work: Work, listener: Listener, acknowledged: Sequence[int], first_of_restart: int) -> None:
    durable = _rows(work.journal)
    numbers = list(durable)
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "the numbers have a gap"
    heard = [(told.message["sequence"], told.body) for told in listener.numbered]
    assert all(one < other for (one, _), (other, _) in pairwise(heard)), "a number came again, or out of order"
    for number, body in heard:
        if number >= numbers[0]:  # the oldest gave way
            assert durable.get(number, (0, b""))[1] == body, f"{number} was published, and is not so in the journal"
    before = [label for number, (label, _) in durable.items() if number < first_of_restart]
    after = [label for number, (label, _) in durable.items() if number >= first_of_restart]
    newest = max((label for label in before), default=0)
    assert before == list(range(newest - len(before) + 1, newest + 1)), "a verdict is lost, doubled or invented"
    assert newest >= max(acknowledged, default=0), "a verdict that was published is lost"
    assert newest < work.first + work.count == after[0]
    assert after == list(range(after[0], after[0] + len(after)))


def _rows(journal: Path) -> dict[int, tuple[int, bytes]]:
    """Label and message by number."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT sequence, message, json_extract(message, '$.frame') FROM verdicts ORDER BY 1")
        return {number: (label, message.encode()) for number, message, label in rows.fetchall()}
