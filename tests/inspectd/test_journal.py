from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspectd.errors import JournalError
from inspectd.journal import Bounds, Journal, JournalReader, lock_holder

ROOT = os.geteuid() == 0
PAGE_BYTES = 4096
FRAME_HEADER_BYTES = 24
"""Before each page in SQLite's log (https://www.sqlite.org/fileformat2.html#walformat)."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def journal(path: Path, *, days: float = 30.0, mb: int = 64) -> Journal:
    return Journal(path, max_age_days=days, max_size_mb=mb)


def messages(first: int, count: int, size: int = 20) -> list[bytes]:
    return [f'{{"sequence":{number},"fill":"{"x" * size}"}}'.encode() for number in range(first, first + count)]


def fill(opened: Journal, count: int, size: int = 20) -> None:
    opened.append(opened.next_sequence, messages(opened.next_sequence, count, size))


def disk_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def test_what_is_appended_is_read_back_byte_for_byte(path: Path) -> None:
    umlaut = '{"source":"Grün 布.png"}'.encode()
    with journal(path) as opened:
        opened.append(1, [umlaut, *messages(2, 3)])
        with opened.reader() as reader:
            assert list(reader.read(1, 10, 100)) == [umlaut, *messages(2, 3)]
            assert list(reader.read(2, 3, 100)) == messages(2, 2)
            assert list(reader.read(1, 10, 2)) == [umlaut, *messages(2, 1)]
            assert reader.bounds() == Bounds(1, 4)


def test_numbers_go_on_after_reopening(path: Path) -> None:
    with journal(path) as opened:
        assert opened.next_sequence == 1
        fill(opened, 3)
        name = opened.journal_id
    with journal(path) as opened:
        assert opened.next_sequence == 4
        assert opened.journal_id == name


def test_a_number_that_does_not_follow_is_refused(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 3)
        for wrong in (3, 5):
            with pytest.raises(JournalError, match=f"{wrong} does not follow 3"):
                opened.append(wrong, messages(wrong, 1))


def test_two_journals_have_different_names(tmp_path: Path) -> None:
    with journal(tmp_path / "a.db") as one, journal(tmp_path / "b.db") as other:
        assert one.journal_id != other.journal_id


def test_numbers_do_not_come_again_when_everything_was_removed(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 5)
    time.sleep(2.1)
    with journal(path, days=1 / 86_400) as opened:
        opened.prune()
        with opened.reader() as reader:
            assert reader.bounds() == Bounds(0, 5)
        assert opened.next_sequence == 6
    with journal(path) as opened:
        assert opened.next_sequence == 6


def test_a_number_does_not_come_again_that_an_operator_removed(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 5)
    with sqlite3.connect(path) as operator:
        operator.execute("DELETE FROM verdicts WHERE sequence > 2")
    with journal(path) as opened, opened.reader() as reader:
        assert reader.bounds() == Bounds(1, 5)
        fill(opened, 1)
        assert list(reader.read(1, 99, 99)) == messages(1, 2) + messages(6, 1)


def test_only_what_is_too_old_is_removed(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 5)
    time.sleep(3.1)
    with journal(path, days=2 / 86_400) as opened:
        fill(opened, 3)
        opened.prune()
        with opened.reader() as reader:
            assert list(reader.read(1, 99, 99)) == messages(6, 3)


def test_what_this_life_wrote_is_not_too_old_when_the_clock_is_set(path: Path) -> None:
    """A PC without a battery wakes in 1970, writes, and learns the time later."""
    with journal(path) as opened:
        fill(opened, 5)
        with sqlite3.connect(path) as operator:
            operator.execute("UPDATE verdicts SET written_s = 100")
        opened.prune()
        with opened.reader() as reader:
            assert reader.bounds() == Bounds(1, 5)


def test_the_file_stays_within_its_size(path: Path) -> None:
    with journal(path, mb=8) as opened:
        largest = 0
        for _ in range(120):
            fill(opened, 200, size=1000)
            largest = max(largest, disk_bytes(path))
        assert largest <= 8 << 20
        assert largest > 4 << 20
        with opened.reader() as reader:
            bounds = reader.bounds()
            kept = list(reader.read(1, bounds.last, 100_000))
    assert bounds.last == 24_000
    assert kept == messages(bounds.first, bounds.last - bounds.first + 1, 1000)
    assert len(kept) > 2000


@pytest.mark.parametrize("together", [1, 5])
def test_the_file_stays_within_its_size_when_verdicts_grow(path: Path, together: int) -> None:
    """Many small old ones must give way to a few large new ones."""
    with journal(path, mb=8) as opened:
        for _ in range(20):
            fill(opened, 500, size=300)
        for _ in range(200):
            fill(opened, together, size=40_000)
        assert disk_bytes(path) <= 8 << 20
        with opened.reader() as reader:
            kept = reader.bounds()
    assert kept.last - kept.first > 50


def test_a_smaller_size_is_reached_step_by_step(path: Path) -> None:
    with journal(path, mb=64) as opened:
        for _ in range(100):
            fill(opened, 200, size=1000)
    with journal(path, mb=8) as opened:
        began = time.monotonic()
        while path.stat().st_size > 4 << 20:
            opened.prune()
            assert time.monotonic() - began < 60
        with opened.reader() as reader:
            assert reader.bounds().last == 20_000
            assert reader.bounds().first > 10_000


def test_a_reader_does_not_hold_the_writer_up(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 2000)
        with opened.reader() as reader:
            reading = reader.read(1, 2000, 2000)
            next(reading)
            fill(opened, 10)
            assert len(list(reading)) == 1999
            assert reader.bounds().last == 2010


def test_readers_run_beside_the_writer(path: Path) -> None:
    problems: list[str] = []

    def read(done: threading.Event) -> None:
        with JournalReader(path) as reader:
            while not done.is_set():
                last = reader.bounds().last
                if list(reader.read(1, last, 100_000)) != messages(1, last):
                    problems.append(f"read up to {last}")

    with journal(path) as opened:
        done = threading.Event()
        thread = threading.Thread(target=read, args=(done,))
        thread.start()
        for _ in range(200):
            fill(opened, 5)
        done.set()
        thread.join()
    assert problems == []


def test_a_second_daemon_is_refused_with_the_first_ones_number(path: Path) -> None:
    with journal(path):
        assert lock_holder(path) == os.getpid()
        with pytest.raises(JournalError, match=rf"another daemon, process {os.getpid()}, holds this journal"):
            journal(path).open()
    assert lock_holder(path) is None
    with journal(path):
        pass


KILLED_WHILE_WRITING = """
import sys
from pathlib import Path
from inspectd.journal import Journal
with Journal(Path(sys.argv[1]), 30, 64) as journal:
    while True:
        first = journal.next_sequence
        journal.append(first, [b'{"sequence":%d}' % (first + i) for i in range(7)])
        print(journal.next_sequence - 1, flush=True)
"""


def test_what_was_told_durable_is_there_after_a_kill(path: Path) -> None:
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
        told = [int(line) for line in writer.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
        with journal(path) as opened, opened.reader() as reader:
            last = opened.next_sequence - 1
            assert last >= (told[-1] if told else 0)
            assert list(reader.read(1, last, 10**6)) == [b'{"sequence":%d}' % number for number in range(1, last + 1)]


def test_a_file_that_is_no_journal_is_refused(path: Path) -> None:
    path.write_bytes(b"these are my holiday notes " * 1000)
    with pytest.raises(JournalError, match="no SQLite file; set another path"):
        journal(path).open()
    assert path.read_bytes().startswith(b"these are my holiday notes")
    assert lock_holder(path) is None


def test_another_programs_sqlite_file_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE notes (text)")
    with pytest.raises(JournalError, match="made by another program"):
        journal(path).open()


def test_another_schema_version_is_refused(path: Path) -> None:
    with journal(path):
        pass
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 4")
    with pytest.raises(JournalError, match="schema has version 4, this release knows 3"):
        journal(path).open()


def test_a_damaged_journal_is_told_with_the_way_out(path: Path) -> None:
    with journal(path) as opened:
        fill(opened, 500)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    with pytest.raises(JournalError, match="move it and its -wal and -shm away"):
        journal(path).open()
    assert lock_holder(path) is None


@pytest.mark.parametrize("folder", ["/proc", "/nowhere/at/all"])
def test_a_folder_that_cannot_be_written_is_told(folder: str) -> None:
    with pytest.raises(JournalError, match="the directory must exist and be writable"):
        journal(Path(folder) / "journal.db").open()


def test_a_reader_without_a_journal_is_told(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        JournalReader(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not ROOT or subprocess.run(mount, check=False).returncode:
        pytest.skip("only a user who may mount can make a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_until_refused(opened: Journal) -> JournalError:
    for _ in range(200):
        try:
            fill(opened, 20, size=1000)
        except JournalError as error:
            return error
    pytest.fail("4 MB were taken")


def test_a_full_disk_is_told_and_the_same_verdicts_can_be_tried_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    with journal(small_disk / "journal.db") as opened:
        error = fill_until_refused(opened)
        assert "the disk is full; make room" in str(error)
        number = opened.next_sequence
        ballast.unlink()
        opened.append(number, messages(number, 1))
        with opened.reader() as reader:
            assert list(reader.read(number - 1, number + 5, 10)) == [
                *messages(number - 1, 1, 1000),
                *messages(number, 1),
            ]


def test_a_disk_error_is_told_and_leaves_what_was_durable(path: Path) -> None:
    """A limit on file sizes makes writes fail as a bad disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with journal(path) as opened:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
            error = fill_until_refused(opened)
            durable = opened.next_sequence - 1
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert "cannot be written" in str(error)
            assert durable >= 20
            with opened.reader() as reader:
                assert reader.bounds() == Bounds(1, durable)
            fill(opened, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_small_verdict_by_itself_writes_a_single_page(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    with journal(path) as opened:
        fill(opened, 1)
        before = log.stat().st_size
        for _ in range(10):
            fill(opened, 1)
        assert log.stat().st_size - before == 10 * (PAGE_BYTES + FRAME_HEADER_BYTES)


def test_it_syncs_at_every_commit(path: Path) -> None:
    """In WAL mode only synchronous=FULL does."""
    with journal(path) as opened:
        assert opened._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert opened._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
