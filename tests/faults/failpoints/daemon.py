"""The whole daemon: its journal, its archive, and changes of its model."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspectd.archive import ArchiveReader
from inspectd.archive.layout import UNFINISHED
from inspectd.client import Controller
from inspectd.errors import ClientError, RequestRefusedError
from inspectd.models.active import activated
from inspectd.models.registry import Registry
from tests.bundles import tiny_bundle
from tests.daemons import RunningDaemon
from tests.faults.failpoints.points import Call, Point
from tests.faults.failpoints.scene import Scene
from tests.faults.sweep.line import RUN, Line, steady
from tests.registries import BY

LIFE_S = 2.0
"""Of a daemon that nothing kills, once it judges."""
RESTART_S = 0.5
"""Of the one that is started after it."""
ANSWER_S = 2.0


class Inspecting(Scene):
    """It inspects, and writes its journal."""

    name, share = "daemon", 2

    def play(self, folder: Path, point: Point) -> list[Call]:
        """See `Scene`."""
        state = folder / "state"
        state.mkdir()
        line = self.line(folder, state)
        with line.listening():
            with line.daemon(RUN, environment=self.environment(folder, point, self.below(state))) as daemon:
                self.live(line, daemon)
                daemon.process.send_signal(signal.SIGTERM)
                code = daemon.wait()
            calls = self.killed_at(folder, point, code)
            with line.a_life():
                time.sleep(RESTART_S)
        assert "Traceback" not in line.log, line.log[-3000:]
        self.check(line, state)
        return calls

    def line(self, folder: Path, state: Path) -> Line:
        """With everything that it writes below `state`."""
        return Line(folder, journal=state / "journal.db")

    def below(self, state: Path) -> Path:
        """Where calls count."""
        return state

    def live(self, line: Line, daemon: RunningDaemon) -> None:
        """What happens until the daemon is killed, or until it is time to end it."""
        line.wait_for(lambda: line.of("web") or daemon.process.poll() is not None, "it judges")
        end = time.monotonic() + LIFE_S
        while time.monotonic() < end and daemon.process.poll() is None:
            self.work(line)

    def work(self, line: Line) -> None:  # noqa: ARG002 - for scenes that ask it for something
        """Some of it."""
        time.sleep(0.05)

    def check(self, line: Line, state: Path) -> None:
        """What must hold besides the promises."""


class Archiving(Inspecting):
    """It keeps pictures, and removes old ones for them."""

    name, share = "archive", 3

    def line(self, folder: Path, state: Path) -> Line:
        """See `Inspecting`."""
        return Line(
            folder,
            lambda source: {"web": steady(source, rate_hz=150.0)},
            journal=folder / "journal.db",
            archive__path=state / "archive",
            archive__pass_every=3,
            archive__max_size_mb=1,
            archive__keep_free_mb=0,
        )

    def check(self, line: Line, state: Path) -> None:
        """Every entry is whole, and its verdict is the journal's."""
        verdicts = {verdict["sequence"]: verdict for verdict in line.configuration.verdicts_in_journal()}
        entries = list(ArchiveReader(state / "archive").entries())
        assert entries, "nothing was kept"
        for entry in entries:
            assert json.loads(entry.verdict().model_dump_json()) == verdicts[entry.name.sequence]
            assert entry.picture().shape == (64, 96, 3)
            entry.distance_map()
        assert not list(state.rglob(f"{UNFINISHED}*")), "something unfinished is left"


class Switching(Inspecting):
    """Its model is changed to and fro."""

    name, share = "model switch", 3

    def line(self, folder: Path, state: Path) -> Line:
        """See `Inspecting`."""
        line = Line(folder, journal=folder / "journal.db")
        registry = Registry(state / "models")
        fine = tiny_bundle(folder / "bundles", tile=32, overlap=0, cell=4, threshold=12.0)
        registry.add(line.bundle.path, "coarse", None)
        registry.add(fine.path, "fine", None)
        registry.write_active(activated(None, line.bundle.path.name))
        line.judge_with(registry.directory)
        return line

    def below(self, state: Path) -> Path:
        """See `Inspecting`."""
        return state / "models"

    def work(self, line: Line) -> None:
        """See `Inspecting`."""
        try:
            with Controller(line.configuration.control, ANSWER_S) as controller:
                model = controller.status().model
                assert model is not None
                controller.activate("fine" if model.bundle == line.bundle.path.name else "coarse", **BY)
                controller.rollback(**BY)
                controller.move_threshold(model.threshold * 1.1, **BY)
        except (ClientError, RequestRefusedError):
            return  # it was killed

    def check(self, line: Line, state: Path) -> None:
        """One of both judges, both are whole, and the journal tells every change, once and in order."""
        registry = Registry(state / "models")
        active = registry.active()
        assert active is not None
        for note in registry.notes():
            registry.open(note.bundle)
        assert len(registry.notes()) == 2
        rows = line.configuration.verdicts_in_journal()
        changes = [row for row in rows if row["kind"] == "change"]
        assert [change.id for change in active.changes] == [row["id"] for row in changes][-len(active.changes) :]
        assert len({row["id"] for row in changes}) == len(changes), "a change is told twice"
        _check_chain(rows, line.bundle.path.name)
        assert rows[-1]["bundle"] == active.judging.bundle


def _check_chain(rows: Sequence[Mapping[str, Any]], first: str) -> None:
    """Each frame was judged by the model in effect, or, where it was taken before the last change, by the one before
    that."""
    now, before = first, first
    for row in rows:
        if row["kind"] == "change":
            assert row["bundle_before"] == now, f"{row['sequence']} changes a model that did not judge"
            now, before = row["bundle"], now
        elif row["bundle"] != now:
            assert row["bundle"] == before, f"{row['sequence']} was judged by neither"
