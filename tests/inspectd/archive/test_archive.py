"""What is kept, how it lies there, and what goes when there is not room for all."""

from __future__ import annotations

import gc
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.pixels import PixelFormat
from inspectd.archive import ArchiveReader, Entry, Kept, Label, Opinion
from inspectd.archive.ages import AgeClock
from inspectd.archive.archive import MOST_HELD, _Held
from inspectd.archive.backlog import Copy
from inspectd.archive.store import Store
from inspectd.errors import ArchiveError, EntryGoneError
from inspectd.settings import ArchiveSettings
from inspectd.wire.models import Outcome, Reason
from tests.daemons import wait_until
from tests.inspectd.archive.frames import NOVEMBER_S, Filled, filled, is_whole, picture, seen, sequences

GOOD = Label(opinion=Opinion.GOOD, who="mara", labelled_utc="2026-11-25T10:00:00Z")
DAY_S = 86400.0


class Clocks:
    """A PC's two clocks."""

    def __init__(self, wall_s: float = NOVEMBER_S) -> None:
        self.wall_s, self.monotonic_s = wall_s, 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    def made(self) -> AgeClock:
        return AgeClock(lambda: self.wall_s, lambda: self.monotonic_s)


def test_an_entry_lies_where_a_person_finds_it(tmp_path: Path) -> None:
    with filled(tmp_path / "archive") as line:
        line.show(seen(123))
    folder = tmp_path / "archive" / "2026-11-25" / "web"
    assert sorted(file.name for file in folder.iterdir()) == [
        "1-000000123-FAIL.json",
        "1-000000123-FAIL.map.npz",
        "1-000000123-FAIL.png",
    ]
    entry = ArchiveReader(line.path).entry("2026-11-25/web/1-000000123-FAIL")
    shown = seen(123)
    assert (
        entry.verdict().model_dump(exclude={"captured_monotonic_ns", "decided_monotonic_ns"}).items()
        >= {
            "sequence": 123,
            "outcome": Outcome.FAIL,
            "camera": "web",
        }.items()
    )
    assert (entry.picture() == picture(123)).all()
    distance = entry.distance_map()
    assert shown.distance_map is not None
    assert distance is not None
    assert distance.cell == 8
    np.testing.assert_allclose(distance.distance, shown.distance_map.distance, rtol=1e-3)


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_pictures_come_back_to_the_last_bit(tmp_path: Path, pixel_format: PixelFormat) -> None:
    pixels = picture(1) if pixel_format.channels == 3 else np.ascontiguousarray(picture(1)[..., 0])
    with filled(tmp_path) as line:
        line.show(seen(1, pixels=pixels, pixel_format=pixel_format))
    (entry,) = line.entries()
    rgb = {PixelFormat.RGB8: pixels, PixelFormat.BGR8: pixels[..., ::-1]}
    wanted = rgb.get(pixel_format, np.repeat(pixels.reshape(32, 48, -1)[..., :1], 3, axis=2))
    assert (entry.picture() == wanted).all()
    stored = cv2.imdecode(np.frombuffer(entry.png(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.ndim == pixels.ndim


def test_every_fail_and_every_error_with_a_picture(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1))
        line.show(seen(2, Outcome.ERROR))
        line.show(seen(3, Outcome.ERROR, without_picture=True))
        line.show(seen(4, without_picture=True))
        line.show(seen(5, Outcome.ERROR, reason=Reason.CAMERA_LOST, without_picture=True))
    assert [str(entry.name) for entry in line.entries()] == ["1-000000001-FAIL", "1-000000002-ERROR"]
    assert line.entries()[1].distance_map() is None
    assert line.dropped("no_picture") == 1
    page = line.page()
    assert page.value("inspectd_archive_entries_total", outcome="FAIL") == 1
    assert page.value("inspectd_archive_entries_total", outcome="ERROR") == 1


def test_a_damaged_frame_leaves_what_is_known_of_it(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1, Outcome.ERROR, reason=Reason.BAD_FRAME, without_picture=True))
        line.show(seen(2, Outcome.ERROR, reason=Reason.BAD_FRAME))
    with filled(tmp_path) as line:
        wait_until(lambda: line.archive.bytes > 0, "counted")
    damaged, whole = line.entries()
    assert (damaged.verdict().reason, damaged.record.has_picture) == (Reason.BAD_FRAME, False)
    with pytest.raises(ArchiveError, match="1-000000001-ERROR: has no picture: why it is bad_frame"):
        damaged.picture()
    assert (whole.picture() == picture(2)).all()
    assert {file.name for file in damaged.directory.iterdir()} == {
        "1-000000001-ERROR.json",
        "1-000000002-ERROR.json",
        "1-000000002-ERROR.png",
    }


def test_of_a_camera_that_shows_nothing_all_night_some_pictures_are_kept(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        for number in range(1, 101):
            reason = Reason.BLANK if number < 50 else Reason.FROZEN
            line.show(seen(number, Outcome.ERROR, reason=reason))
            line.show(seen(number + 200, Outcome.ERROR, camera="edge"))
            wait_until(line.archive._held.empty, "copied")
        line.show(seen(300, Outcome.PASS))
        line.show(seen(301, Outcome.ERROR, reason=Reason.FROZEN))
    web = sequences(list(ArchiveReader(tmp_path).entries(cameras={"web"}, outcomes={Outcome.ERROR})))
    first, then = [*range(1, 9), 16, 32], [*range(50, 58), 65, 81]
    assert web == [*first, *then, 301]
    # What came too late for a verdict looks like any other: each is kept.
    assert len(list(ArchiveReader(tmp_path).entries(cameras={"edge"}))) == 100


def test_of_each_run_of_pass_a_sample_and_the_nearest_to_the_threshold(tmp_path: Path) -> None:
    scores = {3: 0.2, 7: 0.9, 8: 0.6, 14: 0.95, 17: 0.99, 23: 0.4}
    with filled(tmp_path, pass_every=10) as line:
        for number in range(1, 25):
            line.show(seen(number, Outcome.PASS, score=scores.get(number, 0.1)))
            line.show(seen(number + 100, Outcome.PASS, score=0.5 if number == 5 else 0.1, camera="edge"))
            wait_until(line.archive._held.empty, "copied")
    by_kind = {kept: sequences(list(ArchiveReader(tmp_path).entries(kept={kept}, cameras={"web"}))) for kept in Kept}
    assert by_kind == {Kept.SAMPLE: [10, 20], Kept.NEAR: [7, 17, 23], Kept.ERROR: [], Kept.FAIL: []}
    assert sequences(list(ArchiveReader(tmp_path).entries(cameras={"edge"}))) == [105, 110, 111, 120, 121]


def test_no_pass_where_none_is_wanted(tmp_path: Path) -> None:
    with filled(tmp_path, pass_every=0) as line:
        for number in range(1, 25):
            line.show(seen(number, Outcome.PASS))
    assert line.entries() == []


def test_buffers_go_back_and_the_publisher_waits_for_nothing(tmp_path: Path) -> None:
    released: list[int] = []
    with filled(tmp_path) as line:
        for number in range(1, 6):
            line.show(seen(number, released=released))
        wait_until(lambda: len(released) == 5, "all buffers are back")
    assert sorted(released) == [1, 2, 3, 4, 5]


def test_what_comes_too_fast_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("inspectd.archive.store.write_entry", lambda *_: gate.wait(20))
    large = np.zeros((700, 1000, 3), np.uint8)
    with filled(tmp_path, queue_mb=5) as line:
        for number in range(1, 7):
            line.show(seen(number, pixels=large))
            wait_until(line.archive._held.empty, "copied")
        wait_until(lambda: line.dropped("queue_full"), "the queue is full")
        # One is being written, two wait, and the others found no room.
        assert line.dropped("queue_full") == 3
        gate.set()


def test_a_picture_for_which_there_is_no_memory_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Copy:
        raise MemoryError

    released: list[int] = []
    with filled(tmp_path) as line:
        with monkeypatch.context() as short:
            short.setattr(Copy, "of", refused)
            line.show(seen(1, released=released))
            wait_until(lambda: line.dropped("queue_full"), "it was dropped")
        line.show(seen(2, released=released))
    assert sequences(line.entries()) == [2]
    assert released == [1, 2]


def test_frames_beyond_those_that_may_be_held_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, copied = threading.Event(), _Held.copied
    monkeypatch.setattr(_Held, "copied", lambda held: gate.wait(20) and copied(held))
    released: list[int] = []
    with filled(tmp_path) as line:
        line.show(seen(1, released=released))
        wait_until(line.archive._held.empty, "it is being copied")
        for number in range(2, MOST_HELD + 5):
            line.show(seen(number, released=released))
        assert line.dropped("busy") == 3
        assert released == [MOST_HELD + 2, MOST_HELD + 3, MOST_HELD + 4]
        gate.set()
    assert sequences(line.entries()) == list(range(1, MOST_HELD + 2))


def test_order_is_that_of_the_verdicts_over_journals_and_clocks(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(7, captured_s=NOVEMBER_S))
        line.show(seen(8, captured_s=0.0))
        line.show(seen(9, captured_s=NOVEMBER_S - 3600))
    with filled(tmp_path) as line:
        line.show(seen(1, journal="another", captured_s=NOVEMBER_S - 10 * DAY_S))
        line.show(seen(10, captured_s=NOVEMBER_S + 10 * DAY_S))
    assert [(entry.name.journal, entry.name.sequence) for entry in line.entries()] == [
        (1, 7), (1, 8), (1, 9), (1, 10), (2, 1),
    ]  # fmt: skip
    newest = list(ArchiveReader(tmp_path).entries(newest_first=True))
    assert newest == line.entries()[::-1]


def test_entries_are_found_by_what_they_are(tmp_path: Path) -> None:
    with filled(tmp_path, pass_every=2) as line:
        for number in range(1, 7):
            outcome = Outcome.FAIL if number % 3 == 0 else Outcome.PASS
            line.show(seen(number, outcome, captured_s=NOVEMBER_S + 3600 * number))
            wait_until(line.archive._held.empty, "copied")
    reader = ArchiveReader(tmp_path)
    assert sequences(list(reader.entries(outcomes={Outcome.FAIL}))) == [3, 6]
    assert sequences(list(reader.entries(first=2, last=4))) == [2, 3, 4]
    start = datetime.fromtimestamp(NOVEMBER_S, UTC)
    late = reader.entries(since=start + timedelta(hours=3), until=start + timedelta(hours=5))
    assert sequences(list(late)) == [3, 4]
    reader.entry(line.entries()[2].id).set_label(GOOD)
    assert sequences(list(reader.entries(opinions={Opinion.GOOD}))) == [3]
    assert 3 not in sequences(list(reader.entries(opinions={None})))
    with pytest.raises(EntryGoneError, match="not in the archive"):
        reader.entry("2026-11-25/web/1-000000099-FAIL")
    with pytest.raises(ArchiveError, match="no such archive"):
        ArchiveReader(tmp_path / "gone")


def test_an_entry_that_vanishes_says_so(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1))
    (entry,) = line.entries()
    for file in entry.directory.iterdir():
        file.unlink()
    for look in (entry.verdict, entry.picture, entry.distance_map, lambda: entry.set_label(GOOD)):
        with pytest.raises(EntryGoneError, match="removed to make room"):
            look()
    assert list(ArchiveReader(tmp_path).entries(opinions={None, Opinion.GOOD})) == []


# Limits


LARGE = 600, 600
"""An entry of somewhat more than 1 MiB."""


def test_beyond_its_size_the_least_needed_and_oldest_go(tmp_path: Path) -> None:
    with filled(tmp_path, max_size_mb=6, pass_every=1) as line:
        for number in range(1, 10):
            outcome = Outcome.PASS if number <= 3 else Outcome.FAIL
            line.show(seen(number, outcome, pixels=picture(number, *LARGE)))
            wait_until(lambda upto=number: line.written() == upto, "written")  # type: ignore[misc]
            if number == 7:
                assert sequences(line.entries()) == [3, 4, 5, 6, 7]
    assert sequences(line.entries()) == [5, 6, 7, 8, 9]
    assert line.archive.bytes < 6 << 20


def test_those_needed_less_keep_their_share(tmp_path: Path) -> None:
    with filled(tmp_path, max_size_mb=2, pass_every=1) as line:
        line.show(seen(1, Outcome.PASS))
        for number in range(2, 5):
            line.show(seen(number, pixels=picture(number, 500, 500)))
            wait_until(lambda upto=number: line.written() == upto, "written")  # type: ignore[misc]
    assert sequences(line.entries()) == [1, 3, 4]


def test_a_label_wins_over_every_limit(tmp_path: Path) -> None:
    clocks = Clocks()
    with filled(tmp_path, clocks.made(), max_size_mb=5, max_age_days=1) as line:
        for number in (1, 2):
            line.show(seen(number, pixels=picture(number, *LARGE)))
        wait_until(lambda: line.written() == 2, "both are there")
        line.entries()[0].set_label(GOOD)
        for number in range(3, 8):
            line.show(seen(number, pixels=picture(number, *LARGE)))
        wait_until(lambda: line.written() == 7, "all were written")
        assert 1 in sequences(line.entries())
        assert 2 not in sequences(line.entries())
        clocks.pass_by(3 * DAY_S)
        wait_until(lambda: sequences(line.entries()) == [1], "the others have become too old")


def test_labelled_pictures_that_fill_it_stop_it_with_an_alarm(tmp_path: Path) -> None:
    with filled(tmp_path, max_size_mb=2) as line:
        line.show(seen(1, pixels=picture(1, *LARGE)))
        wait_until(lambda: line.written() == 1, "it is there")
        line.entries()[0].set_label(GOOD)
        line.show(seen(2, pixels=picture(2, *LARGE)))
        wait_until(lambda: line.archive.failing, "it fails")
        assert "max_size_mb = 2 is full of pictures that a person labelled" in str(line.archive.failing)
    assert sequences(line.entries()) == [1]
    assert line.dropped("ended") == 1


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_room_is_made_by_taking_a_label_back_and_by_deleting(tmp_path: Path, restarted: bool, deleted: bool) -> None:
    with filled(tmp_path, max_size_mb=2) as line:
        line.show(seen(1, pixels=picture(1, *LARGE)))
        wait_until(lambda: line.written() == 1, "it is there")
        (entry,) = line.entries()
        entry.set_label(GOOD)
        if not restarted:
            _make_room_by_hand(line, entry, deleted=deleted)
    if restarted:
        with filled(tmp_path, max_size_mb=2) as line:
            _make_room_by_hand(line, entry, deleted=deleted)
    assert sequences(line.entries()) == [2]


def _make_room_by_hand(line: Filled, entry: Entry, *, deleted: bool) -> None:
    before = line.written()
    line.show(seen(2, pixels=picture(2, *LARGE)))
    wait_until(lambda: line.archive.failing, "there is no room")
    if deleted:
        for file in entry.directory.glob(f"{entry.name}*"):
            file.unlink()
    else:
        entry.set_label(None)
    wait_until(lambda: line.written() == before + 1, "there is room again")


def test_a_lower_limit_takes_effect_some_at_a_time(tmp_path: Path) -> None:
    with filled(tmp_path, queue_mb=64) as line:
        for number in range(1, 101):
            line.show(seen(number, pixels=picture(number, 100, 100)))
            wait_until(line.archive._held.empty, "copied")
    assert len(line.entries()) == 100
    with filled(tmp_path, max_size_mb=1) as line:
        wait_until(lambda: 0 < line.archive.bytes <= 1 << 20, "it has shrunk")
        assert sequences(line.entries())[-1] == 100


# What was there before


def test_an_archive_is_written_to_while_it_finds_out_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(tmp_path) as line:
        for number in range(1, 101):
            line.show(seen(number))
            wait_until(line.archive._held.empty, "copied")
    (tmp_path / "2026-11-25" / "web" / "1-000000999-FAIL.png").write_bytes(b"left by a crash")
    before = line.archive.bytes
    monkeypatch.setattr("inspectd.archive.archive.COUNTING_PAUSE_S", 0.05)
    monkeypatch.setattr("inspectd.archive.store.COUNTING_S", 0.0001)
    monkeypatch.setattr("inspectd.archive.counting.FILES_A_TURN", 4)
    with filled(tmp_path) as line:
        line.show(seen(101))
        wait_until(lambda: line.written() == 1, "the new one is there")
        assert line.archive._store.counting
        assert line.archive.bytes < before
        monkeypatch.setattr("inspectd.archive.store.COUNTING_S", 0.1)
        wait_until(lambda: not line.archive._store.counting, "all is known")
    assert sequences(line.entries()) == list(range(1, 102))
    assert line.archive.bytes == before // 100 * 101  # the one of meanwhile is counted once
    assert not list(tmp_path.rglob("*999*"))


def test_the_garbage_collector_has_no_more_to_look_through_for_a_large_archive(tmp_path: Path) -> None:
    """It stops the whole line while it looks."""
    day = tmp_path / "2026-11-25" / "web"
    day.mkdir(parents=True)
    for number in range(1, 1001):
        for suffix in (".png", ".map.npz", ".json", ".label.json")[: 4 if number % 2 else 3]:
            (day / f"1-{number:09d}-FAIL{suffix}").write_bytes(b"x")
    store = Store(ArchiveSettings(path=str(tmp_path), keep_free_mb=0), AgeClock())
    gc.freeze()  # a million things of other tests would be looked through each time
    try:
        most = before = _tracked()
        store.tend()
        while store.counting:
            most = max(most, _tracked())
            store.tend()
        assert store.bytes == 3500 * 4096
        assert most - before < 500
        assert _tracked() - before < 500
    finally:
        gc.unfreeze()
    store.close()


def _tracked() -> int:
    gc.collect()
    return len(gc.get_objects())


# Clocks


def test_entries_become_old(tmp_path: Path) -> None:
    clocks = Clocks()
    with filled(tmp_path, clocks.made(), max_age_days=30) as line:
        line.show(seen(1))
        wait_until(lambda: line.written() == 1, "the first")
        clocks.pass_by(29 * DAY_S)
        line.show(seen(2))
        wait_until(lambda: line.written() == 2, "the second")
        assert sequences(line.entries()) == [1, 2]
        clocks.pass_by(2 * DAY_S)
        wait_until(lambda: sequences(line.entries()) == [2], "the first is too old")


@pytest.mark.parametrize(
    ("before_s", "after_s"),
    [
        (0.0, NOVEMBER_S),  # an empty battery, until the network tells the time
        (NOVEMBER_S, 0.0),
        (NOVEMBER_S, NOVEMBER_S + 3600),
        (NOVEMBER_S, NOVEMBER_S - 3600),
        (NOVEMBER_S, NOVEMBER_S + 3650 * DAY_S),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_no_jump_of_the_clock_makes_fresh_entries_old(
    tmp_path: Path, before_s: float, after_s: float, restarted: bool
) -> None:
    clocks = Clocks(before_s)
    with filled(tmp_path, clocks.made(), max_age_days=0.1) as line:
        line.show(seen(1, captured_s=before_s))
        wait_until(lambda: line.written() == 1, "the first")
        if not restarted:
            _jump(line_clocks=clocks, after_s=after_s)
            line.show(seen(2, captured_s=after_s))
    if restarted:
        _jump(line_clocks=clocks, after_s=after_s)
        with filled(tmp_path, clocks.made(), max_age_days=0.1) as line:
            line.show(seen(2, captured_s=after_s))
            wait_until(lambda: line.written() == 1, "the second")
            clocks.pass_by(60)
            line.archive._store.tend()
    assert sequences(line.entries()) == [1, 2]


def _jump(line_clocks: Clocks, after_s: float) -> None:
    line_clocks.wall_s = after_s
    line_clocks.pass_by(60)


def test_a_file_from_the_future_makes_no_other_old(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1))
        line.show(seen(2))
    future_s = NOVEMBER_S + 3650 * DAY_S
    os.utime(line.entries()[1].stem.with_suffix(".json"), (future_s, future_s))
    with filled(tmp_path, max_age_days=1) as line:
        line.show(seen(3))
    assert sequences(line.entries()) == [1, 2, 3]


def test_all_entries_that_are_there_are_whole(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        for number in range(1, 20):
            line.show(seen(number))
            wait_until(line.archive._held.empty, "copied")
    assert len(line.entries()) == 19
    assert all(map(is_whole, line.entries()))
