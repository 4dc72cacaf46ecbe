"""The real daemon with an archive: what it keeps, what it does without a disk, and what a kill leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.bundle import Bundle
from engines.pixels import PixelFormat
from inspectd.archive import ArchiveReader, Kept
from inspectd.archive.areas import decode_area
from inspectd.errors import ArchiveError
from inspectd.view.flat_field import FlatField, to_bytes
from inspectd.wire.models import Outcome, Reason
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon, wait_until
from tests.inspectd.metrics.reading import read

Start = Callable[..., Configuration]


@pytest.fixture
def start(tmp_path: Path, bundle: Bundle) -> Start:
    """The configuration of a line of seven pictures: the third has a spot, the fifth is black, the last one is none."""

    def configured(archive: Path, **camera: object) -> Configuration:
        (tmp_path / "web").mkdir()
        for index in range(1, 7):
            picture = surface_picture(index, 100, 140)
            picture = {3: spot(picture, 40, 60), 5: picture * 0}.get(index, picture)
            cv2.imwrite(str(tmp_path / "web" / f"{index}.png"), picture)
        (tmp_path / "web" / "7.png").write_bytes(b"torn")
        extra = f'[archive]\npath = "{archive}"\npass_every = 4\nkeep_free_mb = 0\n'
        cameras = {"web": {"source": f"images:{tmp_path}/web", **camera}}
        return Configuration(tmp_path, bundle, cameras, extra=extra)

    return configured


def failing(configuration: Configuration) -> float:
    return read(configuration.metrics).value("inspectd_archive_failing")


def test_what_a_line_keeps(start: Start, tmp_path: Path) -> None:
    configuration = start(tmp_path / "archive")
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    entries = list(ArchiveReader(tmp_path / "archive").entries())
    assert [entry.name.kept for entry in entries].count(Kept.FAIL) == 1
    by_frame = {entry.verdict().frame: entry for entry in entries}
    # Of each four frames the last and the nearest PASS.
    near = {frame for frame, entry in by_frame.items() if entry.name.kept is Kept.NEAR}
    assert near in ({1, 6}, {2, 6})
    assert {frame: by_frame[frame].name.kept for frame in by_frame.keys() - near} == {
        3: Kept.FAIL,
        4: Kept.SAMPLE,
        5: Kept.ERROR,
        7: Kept.ERROR,
    }
    journaled = {verdict["sequence"]: verdict for verdict in configuration.verdicts_in_journal()}
    for frame, entry in by_frame.items():
        assert json.loads(entry.verdict().model_dump_json()) == journaled[entry.name.sequence]
        if frame == 7:
            continue
        shown = cv2.imread(str(tmp_path / "web" / f"{frame}.png"))
        assert shown is not None
        assert (entry.picture() == shown[..., ::-1]).all()
    distance = by_frame[3].distance_map()
    assert distance is not None
    assert distance.distance.max() > by_frame[3].verdict().threshold
    assert (by_frame[5].verdict().reason, by_frame[5].verdict().width) == (Reason.BLANK, 140)
    assert by_frame[7].verdict().reason is Reason.BAD_FRAME
    with pytest.raises(ArchiveError, match=r"has no picture: 7\.png"):
        by_frame[7].picture()


def test_a_picture_is_kept_as_the_engine_got_it_and_with_what_of_it_was_inspected(start: Start, tmp_path: Path) -> None:
    gain = np.linspace(0.9, 1.1, 140, dtype=np.float32)[None, :, None] * np.ones((100, 1, 3), np.float32)
    flat = FlatField(gain, np.full((100, 140, 3), 2, np.uint8), np.array([[10, 20]], np.int32))
    (tmp_path / "flat.npz").write_bytes(to_bytes(flat))
    roi = [[[8, 8], [131, 8], [131, 91], [8, 91]]]
    configuration = start(tmp_path / "archive", flat_field=str(tmp_path / "flat.npz"), roi=roi)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    by_frame = {entry.verdict().frame: entry for entry in ArchiveReader(tmp_path / "archive").entries()}
    entry, black = by_frame[3], by_frame[5]
    taken = np.asarray(cv2.imread(str(tmp_path / "web" / "3.png"), cv2.IMREAD_COLOR_RGB), np.uint8)
    corrected = np.empty_like(taken)
    flat.correct(taken, PixelFormat.RGB8, corrected)
    assert (entry.picture() == corrected).all()
    assert (corrected != taken).any()
    area = entry.area()
    assert area is not None
    inside = np.zeros((100, 140), bool)
    inside[8:92, 8:132] = True
    assert (decode_area(area) == inside).all()
    assert black.area() is None  # nothing of it was inspected


def test_a_frame_that_was_judged_too_late_is_kept(start: Start, tmp_path: Path) -> None:
    configuration = start(tmp_path / "archive", deadline_ms=0.5)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    errors = ArchiveReader(tmp_path / "archive").entries(outcomes={Outcome.ERROR})
    entries = [entry for entry in errors if entry.verdict().source not in {"5.png", "7.png"}]
    assert entries
    assert {entry.verdict().reason for entry in entries} == {Reason.DEADLINE}
    assert {entry.picture().shape for entry in entries} == {(100, 140, 3)}


def test_without_a_disk_verdicts_go_on_and_it_is_told(start: Start, tmp_path: Path) -> None:
    configuration = start(tmp_path / "disk" / "archive", loop=True, rate_hz=50.0)
    with RunningDaemon(configuration) as daemon:
        daemon.wait_for_verdicts(30)
        wait_until(lambda: failing(configuration) == 1, "it is told")
        before = daemon.journaled()
        daemon.wait_for_verdicts(before + 30)
        (tmp_path / "disk").mkdir()
        wait_until(lambda: failing(configuration) == 0, "it goes on")
        wait_until(lambda: read(configuration.metrics).value("inspectd_archive_bytes") > 0, "there are entries")
        assert daemon.terminate() == 0
    events = [each for each in daemon.said() if each["logger"] == "inspectd.archive.archive"]
    assert [(each["level"], each["event"]) for each in events[:2]] == [
        ("error", "nothing can be archived; it is tried again"),
        ("info", "archiving goes on"),
    ]
    assert events[0]["why"] == "No such file or directory"
    sequences = [verdict["sequence"] for verdict in configuration.verdicts_in_journal()]
    assert sequences == list(range(1, len(sequences) + 1))


def test_killed_and_started_again_all_entries_are_whole(start: Start, tmp_path: Path) -> None:
    configuration = start(tmp_path / "archive", loop=True, rate_hz=200.0)
    for _ in range(3):
        before = _entries(tmp_path)
        with RunningDaemon(configuration) as daemon:
            wait_until(lambda enough=before + 20: _entries(tmp_path) > enough, "entries")  # type: ignore[misc]
            daemon.process.kill()
    entries = list(ArchiveReader(tmp_path / "archive").entries())
    journaled = {verdict["sequence"] for verdict in configuration.verdicts_in_journal()}
    for entry in entries:
        assert entry.verdict().sequence in journaled
        assert entry.verdict().source == "7.png" or entry.picture().shape == (100, 140, 3)
        assert (entry.distance_map() is None) == (entry.name.kept is Kept.ERROR)
    assert len({entry.name for entry in entries}) == len(entries)


def _entries(folder: Path) -> int:
    try:
        return len(list(ArchiveReader(folder / "archive").entries()))
    except ArchiveError:  # not made yet
        return 0
