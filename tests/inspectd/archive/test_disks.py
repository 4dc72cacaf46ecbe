"""Disks that are full, read-only or gone, and a process that is killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inspectd.archive import ArchiveReader
from tests.daemons import wait_until
from tests.inspectd.archive.frames import __name__ as filling
from tests.inspectd.archive.frames import filled, is_whole, picture, seen, sequences
from tests.inspectd.archive.small_disk import mount, small_disk

MEBIBYTE = 600, 600
"""A picture of somewhat more than 1 MiB."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def test_a_full_disk_stops_it_until_there_is_room(disk: Path) -> None:
    (disk / "somebody-elses").write_bytes(bytes(2_500_000))
    with filled(disk / "archive") as line:
        line.show(seen(1, pixels=picture(1, *MEBIBYTE)))
        wait_until(lambda: line.archive.failing, "it fails")
        time.sleep(0.3)
        assert line.entries() == []
        assert "its disk has 0 MiB left" in str(line.archive.failing)
        (disk / "somebody-elses").unlink()
        wait_until(lambda: line.written() == 1, "it goes on")
        assert line.archive.failing is None
    assert sequences(line.entries()) == [1]
    assert [file.name for file in disk.rglob(".*")] == []


def test_room_is_left_for_others(disk: Path) -> None:
    with filled(disk / "archive", keep_free_mb=1) as line:
        for number in range(1, 6):
            line.show(seen(number, pixels=picture(number, 450, 450)))
            wait_until(lambda upto=number: line.written() == upto, "written")  # type: ignore[misc]
        assert line.archive.free_bytes >= 1 << 20
        assert sequences(line.entries())[-1] == 5
        assert sequences(line.entries())[0] > 1
        (disk / "somebody-elses").write_bytes(bytes(800_000))
        wait_until(lambda: shutil.disk_usage(disk).free >= 1 << 20, "it gives way")
        (disk / "more").write_bytes(bytes(700_000))
        wait_until(lambda: shutil.disk_usage(disk).free >= 1 << 20, "it gives way")
        (disk / "much-more").write_bytes(bytes(700_000))
        wait_until(lambda: line.archive.failing, "nothing is left to give")
        assert "keep_free_mb = 1" in str(line.archive.failing)


def test_room_is_left_for_others_before_all_is_known(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(disk / "archive") as line:
        for number in range(1, 11):
            line.show(seen(number, pixels=picture(number, 300, 300)))
            wait_until(lambda upto=number: line.written() == upto, "written")  # type: ignore[misc]
    assert shutil.disk_usage(disk).free < 1 << 20
    # It finds out no more than it must: a step takes no time, and the next one comes late.
    monkeypatch.setattr("inspectd.archive.archive.COUNTING_PAUSE_S", 600.0)
    monkeypatch.setattr("inspectd.archive.store.COUNTING_S", 1e-9)
    with filled(disk / "archive", keep_free_mb=1) as line:
        wait_until(lambda: line.archive.free_bytes >= 1 << 20, "room is made of what is known")
        assert line.archive._store.counting
        assert line.archive.failing is None
        left = sequences(line.entries())
    assert 0 < len(left) < 10


def test_a_read_only_disk_is_told_before_anything_is_to_be_written(disk: Path) -> None:
    with filled(disk / "archive") as line:
        line.show(seen(1))
        wait_until(lambda: line.written() == 1, "written")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        wait_until(lambda: line.archive.failing, "it fails")
        assert line.archive.failing == "Read-only file system"
        line.show(seen(2))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        wait_until(lambda: line.written() == 2, "it goes on")
    assert sequences(line.entries()) == [1, 2]


def test_a_disk_that_is_gone_is_not_replaced_by_its_mount_point(disk: Path) -> None:
    with filled(disk / "archive") as line:
        line.show(seen(1))
        wait_until(lambda: line.written() == 1, "written")
        subprocess.run(["umount", "--lazy", disk], check=True)
        line.show(seen(2))
        wait_until(lambda: line.archive.failing, "it fails")
        assert "its disk is gone" in str(line.archive.failing)
        time.sleep(0.3)
        assert list(disk.iterdir()) == []
        assert mount(disk).returncode == 0
        # Another one, with the archive on it, as it is after a repair.
        (disk / "archive").mkdir()
        (disk / "archive" / "archive.json").write_text('{"archive": 1, "id": "x", "journals": []}')
        wait_until(lambda: line.written() == 2, "it goes on")
    assert sequences(line.entries()) == [2]


def test_an_archive_that_a_person_removed_is_begun_anew(tmp_path: Path) -> None:
    with filled(tmp_path / "archive") as line:
        line.show(seen(1))
        wait_until(lambda: line.written() == 1, "written")
        shutil.rmtree(tmp_path / "archive")
        line.show(seen(2))
        wait_until(lambda: line.written() == 2, "it goes on")
    assert sequences(line.entries()) == [2]


def test_no_right_to_write_and_no_directory_above(tmp_path: Path) -> None:
    with filled(tmp_path / "gone" / "archive") as line:
        line.show(seen(1))
        wait_until(lambda: line.archive.failing, "it fails")
        assert line.archive.failing == "No such file or directory"
        (tmp_path / "gone").mkdir()
        wait_until(lambda: line.written() == 1, "it goes on")


def test_one_daemon_an_archive(tmp_path: Path) -> None:
    with filled(tmp_path) as first:
        first.show(seen(1))
        wait_until(lambda: first.written() == 1, "written")
        with filled(tmp_path) as second:
            second.show(seen(2))
            wait_until(lambda: second.archive.failing, "it fails")
            assert "another daemon fills this archive" in str(second.archive.failing)
    assert sequences(first.entries()) == [1]


def test_killed_at_any_time_no_entry_is_half(tmp_path: Path) -> None:
    archive, chance, first = tmp_path / "archive", np.random.default_rng(5), 1
    archive.mkdir()
    reader, found = ArchiveReader(archive), 0
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-m", filling, str(archive), str(first)])
        wait_until(lambda enough=found + 3: len(list(reader.entries())) > enough, "it writes")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.wait()
        entries = list(reader.entries())
        found, first = len(entries), entries[-1].name.sequence + 100
        assert all(map(is_whole, entries))

    def files() -> int:
        return sum(file.is_file() and file.name != "archive.json" for file in archive.rglob("*"))

    with filled(archive) as line:
        line.show(seen(1_000_000))
        # What is there is looked through a little at a time.
        wait_until(lambda: line.written() == 1 and files() == 3 * (found + 1), "what a kill left half is removed")
    assert files() == 3 * len(line.entries()) == 3 * (found + 1)
