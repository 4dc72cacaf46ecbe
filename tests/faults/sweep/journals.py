"""Disks that fail under the journal, and others that want it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from inspectd.errors import JournalError
from tests.faults.sweep.disks import Ext4, fill, no_ext4, no_mounts, small_disk
from tests.faults.sweep.fault import Seen, fault
from tests.faults.sweep.line import Line, steady

HELD_S = 1.5
"""Longer than the frames' deadline."""


def _line(folder: Path, journal: Path) -> Line:
    return Line(folder, lambda source: {"web": steady(source, deadline_ms=500, drop="oldest")}, journal=journal)


@fault("disk full, then room", f"no block is left under the journal for {HELD_S:g} s", lacking=no_mounts)
def full(folder: Path) -> Seen:
    with small_disk(folder) as disk:
        line = _line(folder, disk / "journal.db")
        with line.running():
            filler = fill(disk)
            line.wait_for(lambda: "journal_failing" in line.states, "the heartbeat tells of the journal")
            time.sleep(HELD_S)
            filler.unlink()
            recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
        assert "the disk is full" in line.log
        assert set(line.reasons()) <= {"deadline", "overrun"}
    return Seen(f"{line.told()}; heartbeat: journal_failing", recovery_s)


@fault("disk full for good", "no block is left; room is made when the daemon has ended", lacking=no_mounts, long=True)
def full_for_good(folder: Path) -> Seen:
    with small_disk(folder) as disk:
        line = _line(folder, disk / "journal.db")
        with line.listening():
            with line.daemon() as daemon:
                line.wait_for_judged()
                filler = fill(disk)
                code = daemon.wait()
            _check_ended(line, code)
            filler.unlink()
            ended = time.monotonic_ns()
            with line.a_life():
                recovery_s = line.wait_for_judged(since_ns=ended)
    return Seen(f"{line.told()}; exit code {code}", recovery_s)


@fault("disk read-only", "the file system finds an error and goes read-only; then fsck", lacking=no_ext4, long=True)
def read_only(folder: Path) -> Seen:
    ext4 = Ext4(folder)
    line = _line(folder, ext4.disk / "journal.db")
    with ext4.mounted(), line.listening():
        with line.daemon() as daemon:
            line.wait_for_judged()
            ext4.fail()
            code = daemon.wait()
        _check_ended(line, code)
        ext4.repair()
        repaired = time.monotonic_ns()
        with line.a_life():
            recovery_s = line.wait_for_judged(since_ns=repaired)
    return Seen(f"{line.told()}; exit code {code}", recovery_s)


@fault("disk hangs", f"every write waits for {HELD_S:g} s", lacking=no_ext4)
def hangs(folder: Path) -> Seen:
    ext4 = Ext4(folder)
    with ext4.mounted() as disk:
        line = _line(folder, disk / "journal.db")
        with line.running():
            with ext4.frozen():
                time.sleep(HELD_S)
            recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
        assert line.reasons()["deadline"] > 0
        assert set(line.reasons()) <= {"deadline", "overrun"}
    return Seen(line.told(), recovery_s)


@fault("journal locked", f"another program holds it locked for {HELD_S:g} s", long=True)
def locked(folder: Path) -> Seen:
    line = _line(folder, folder / "journal.db")
    with line.running():
        with sqlite3.connect(line.configuration.journal, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(HELD_S)
            other.execute("ROLLBACK")
        recovery_s = line.wait_for_judged(since_ns=time.monotonic_ns())
    assert set(line.reasons()) <= {"deadline", "overrun"}
    return Seen(line.told(), recovery_s)


@fault("two daemons on one journal", "a second one is started", long=True)
def two(folder: Path) -> Seen:
    line = Line(folder)
    (folder / "second").mkdir()
    second = Line(folder / "second", bundle=line.bundle, journal=line.configuration.journal)
    with line.running() as first:
        with second.daemon() as daemon:
            code = daemon.wait()
        line.wait_for_judged(since_ns=time.monotonic_ns())
    assert code == JournalError.exit_code
    assert f"process {first.process.pid}, holds this journal" in second.log
    assert not line.reasons()
    return Seen(f"the second: exit code {code}, names the first; the first: {line.told()}")


def _check_ended(line: Line, code: int) -> None:
    assert code == JournalError.exit_code, f"exit code {code}: {line.log[-1500:]}"


FAULTS = (full, full_for_good, read_only, hangs, locked, two)
