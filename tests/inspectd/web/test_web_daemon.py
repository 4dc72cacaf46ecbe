"""The real daemon on a web with known defects, cut into frames."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.bundle import Bundle
from inspectd.client import Client, Controller, Verdict
from inspectd.errors import CountRefusedError
from inspectd.wire.models import Outcome
from tests.bundles import surface_picture
from tests.daemons import Configuration, RunningDaemon, wait_until
from tests.inspectd.web.scene import Defect, Found, counted
from tools.roll.reading import read_roll
from tools.roll.roll import make_roll

WIDTH, LENGTH = 96, 672
HEIGHT, STEP = 96, 72
MM_PER_PX, CELL_MM = 0.5, 4.0
DEFECTS = [
    Defect(24, 16, 16, 16),  # in one frame
    Defect(88, 64, 16, 16),  # across the end of the first
    Defect(146, 24, 16, 16),  # within an overlap
    Defect(220, 48, 200, 8),  # along several frames
    Defect(600, 72, 24, 16),
]


def web() -> NDArray[np.uint8]:
    pixels = surface_picture(1, LENGTH, WIDTH)
    for defect in DEFECTS:
        pixels[defect.along : defect.along + defect.length, defect.across : defect.across + defect.width] = 0
    return pixels


def write(folder: Path, pieces: list[NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for index, piece in enumerate(pieces):
        cv2.imwrite(str(folder / f"{index:03}.png"), piece)


def is_where_they_are(found: list[Found], across_mm: float) -> None:
    assert len(found) == len(DEFECTS)
    for seen, true in zip(found, DEFECTS, strict=True):
        told = np.array([seen.begin, seen.end, seen.left - across_mm, seen.right - across_mm])
        drawn = np.array([true.along, true.along + true.length, true.across, true.across + true.width]) * MM_PER_PX
        assert np.abs(told - drawn).max() <= CELL_MM


def test_frames_placed_by_an_encoder_make_one_web(tmp_path: Path, bundle: Bundle) -> None:
    """Counts and triggers come one after the other, so each frame lies exactly where it should."""
    begins = range(0, LENGTH - HEIGHT + 1, STEP)
    write(tmp_path / "web", [web()[begin : begin + HEIGHT] for begin in begins])
    camera = {"source": f"images:{tmp_path / 'web'}", "trigger": "software", "mm_per_px": MM_PER_PX}
    extra = '[cameras.web.web]\ndirection = "up"\nmm_per_count = 0.25\nstale_s = 60\nacross_mm = 1000'
    configuration = Configuration(tmp_path, bundle, {"web": camera}, extra)
    verdicts: list[Verdict] = []
    with (
        RunningDaemon(configuration) as daemon,
        Client(configuration.verdicts, replay=configuration.replay, since=1) as client,
        Controller(configuration.control, 20) as controller,
    ):
        wait_until(lambda: daemon.log.read_text().count('"running"') == 1, "the camera delivers")
        with pytest.raises(CountRefusedError, match="camera: 'wed' has no encoder; those that have are web"):
            controller.encoder(0, camera="wed")
        for begin in begins:
            for _ in range(2):  # the web stands while its picture is taken
                assert controller.encoder(2 * begin).cameras == ("web",)
            controller.trigger(f"at {begin}")
            while len(verdicts) * STEP <= begin:
                event = client.receive(20)
                assert event is not None
                if isinstance(event, Verdict):
                    verdicts.append(event)
        assert daemon.terminate() == 0
    is_where_they_are(counted(verdicts), across_mm=1000)
    assert [verdict.along_mm for verdict in verdicts] == [begin * MM_PER_PX for begin in begins]
    assert verdicts[0].judged_from_mm == 0
    for before, verdict in pairwise(verdicts):
        assert before.along_mm is not None
        assert verdict.judged_from_mm == before.along_mm + HEIGHT * MM_PER_PX
        assert verdict.uninspected_mm == 0
    roll = make_roll(read_roll(configuration.journal, None, None, None))
    assert [defect.begin for defect in roll.defects] == [defect.begin for defect in counted(verdicts)]
    assert (roll.begin, roll.end, roll.uninspected, roll.inspected_share) == (0, LENGTH * MM_PER_PX, (), 1)


def test_blocks_of_a_line_scan_camera_make_one_web(tmp_path: Path, bundle: Bundle) -> None:
    rng = np.random.default_rng(5)
    cuts = [0, *sorted(rng.choice(np.arange(1, LENGTH), 11, replace=False)), LENGTH]
    write(tmp_path / "web", [web()[begin:end] for begin, end in pairwise(cuts)])
    camera = {"source": f"images:{tmp_path / 'web'}", "mm_per_px": MM_PER_PX}
    extra = '[cameras.web.web]\ndirection = "up"\nspeed_mm_s = 100\n[cameras.web.line_scan]\nrows = 128\noverlap = 32'
    configuration = Configuration(tmp_path, bundle, {"web": camera}, extra)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    verdicts = [Verdict.model_validate(message) for message in configuration.verdicts_in_journal()]
    assert [verdict.height for verdict in verdicts] == [128, 128, 128, 128, 128, 128, 96]
    begin = verdicts[0].along_mm
    assert begin is not None
    found = counted(verdicts)
    for defect in found:
        defect.begin, defect.end = defect.begin - begin, defect.end - begin
    is_where_they_are(found, across_mm=0)
    assert [round((verdict.along_mm or 0) - begin, 2) for verdict in verdicts] == [48.0 * n for n in range(7)]
    assert {verdict.uninspected_mm for verdict in verdicts} == {0}


def test_a_block_that_was_lost_ends_the_frame_it_falls_into(tmp_path: Path, bundle: Bundle) -> None:
    write(tmp_path / "web", [surface_picture(seed, 96, WIDTH) for seed in range(3)])
    (tmp_path / "web" / "001.png").write_bytes(b"torn")
    camera = {"source": f"images:{tmp_path / 'web'}", "mm_per_px": MM_PER_PX}
    extra = '[cameras.web.web]\ndirection = "up"\nspeed_mm_s = 100\n[cameras.web.line_scan]\nrows = 64'
    configuration = Configuration(tmp_path, bundle, {"web": camera}, extra)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    messages = sorted(configuration.verdicts_in_journal(), key=lambda message: int(message["frame"]))
    verdicts = [Verdict.model_validate(message) for message in messages]
    assert [(verdict.outcome, verdict.height) for verdict in verdicts] == [
        (Outcome.PASS, 64),
        (Outcome.ERROR, None),
        (Outcome.PASS, 64),
        (Outcome.PASS, 32),
    ]
    first, lost, second, _ = verdicts
    assert lost.detail is not None
    assert lost.detail.endswith("the 32 rows collected before are lost with it")
    assert first.along_mm is not None
    assert lost.along_mm == pytest.approx(first.along_mm + 32, abs=0.01)
    assert second.along_mm is not None
    assert second.along_mm - second.uninspected_mm == pytest.approx(first.along_mm + 32, abs=MM_PER_PX / 2 + 0.01)


def test_a_free_running_camera_leaves_nothing_unsaid(tmp_path: Path, bundle: Bundle) -> None:
    """However unevenly frames come: what one frame's verdict does not cover, the next one's does or tells."""
    write(tmp_path / "web", [web()[begin : begin + HEIGHT] for begin in range(0, LENGTH - HEIGHT + 1, STEP)])
    camera = {"source": f"images:{tmp_path / 'web'}", "mm_per_px": MM_PER_PX, "rate_hz": 20, "preload": True}
    extra = '[cameras.web.web]\ndirection = "down"\nspeed_mm_s = 900'
    configuration = Configuration(tmp_path, bundle, {"web": camera}, extra)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    verdicts = [Verdict.model_validate(message) for message in configuration.verdicts_in_journal()]
    assert len(verdicts) == 9
    reached = verdicts[0].judged_from_mm
    for verdict in verdicts:
        assert verdict.outcome is not Outcome.ERROR
        assert verdict.along_mm is not None
        assert verdict.judged_from_mm is not None
        assert verdict.judged_from_mm - verdict.uninspected_mm == pytest.approx(reached, abs=MM_PER_PX / 2)
        reached = verdict.along_mm + HEIGHT * MM_PER_PX
