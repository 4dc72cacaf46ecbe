"""A shift's report: what is counted of it, and the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from engines.bundle import Bundle
from inspectd.wire.models import Outcome, Reason, Region, Verdict
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration, RunningDaemon
from tests.inspectd.publishing import draft
from tools.cli import make_app
from tools.shift.downtime import NO_FRAMES, NOT_RUNNING, Watch
from tools.shift.places import COLUMNS, Places

BEGIN = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


def said(outcome: Outcome = Outcome.PASS, reason: Reason | None = None, boot: str = "1", **changes: Any) -> Verdict:
    return draft(1, outcome=outcome, reason=reason, **changes).numbered("line-3", boot, "journal", 1)


def watched(*events: tuple[float, Verdict], end: float | None = None) -> list[tuple[str, float, float]]:
    """(reason, begin, length) of every stretch, s since the beginning; the shift ends with the last event, or then."""
    watch = Watch("web", BEGIN)
    for at, verdict in events:
        watch.add(verdict, BEGIN + timedelta(seconds=at))
    watch.close(BEGIN + timedelta(seconds=events[-1][0] if end is None else end))
    return [(stretch.reason, (stretch.begin - BEGIN).total_seconds(), stretch.seconds) for stretch in watch.stretches]


class TestDowntime:
    """When nothing was inspected, and why."""

    def test_errors_last_until_the_next_frame_that_is_judged(self) -> None:
        lost = said(Outcome.ERROR, Reason.CAMERA_LOST)
        assert watched((1, said()), (2, lost), (5, lost), (9, said(Outcome.FAIL)), (10, said())) == [
            ("camera_lost", 2, 7)
        ]

    def test_what_fails_at_the_end_fails_to_the_end(self) -> None:
        assert watched((1, said()), (5, said(Outcome.ERROR, Reason.BLANK)), end=1000) == [("blank", 5, 995)]

    def test_a_pause_of_the_line_is_told_and_a_slow_one_is_none(self) -> None:
        steady = [(float(second), said()) for second in range(5)]
        assert watched(*steady, (64, said())) == [(NO_FRAMES, 4, 60)]
        assert watched(*((30.0 * index, said()) for index in range(1, 20)), end=1000) == []

    def test_a_line_that_began_late_or_stopped_early_is_told(self) -> None:
        steady = [(float(second), said()) for second in range(400, 405)]
        assert sorted(watched(*steady, end=1000)) == [(NO_FRAMES, 0, 400), (NO_FRAMES, 404, 596)]

    def test_a_restart_is_told_apart_from_a_pause(self) -> None:
        assert watched((0, said()), (1, said()), (61, said(boot="2"))) == [(NOT_RUNNING, 1, 60)]


class TestPlaces:
    """Where defects fall."""

    def test_regions_are_counted_where_they_lie(self) -> None:
        region = Region(
            x=600, y=0, width=40, height=100, area=9, centroid_x=620, centroid_y=50, peak=3, peak_x=620, peak_y=50
        )
        places = Places(640, 320)
        for _ in range(3):
            places.add(said(Outcome.FAIL, regions=(region, region), width=640, height=320))
        assert places.zones == Counter({"top right": 6})
        assert places.hits.shape == (32, COLUMNS)
        assert places.hits.max() == 3  # frames, not regions
        assert places.hits[:10, 60:].min() == 3
        assert places.hits.sum() == 3 * 10 * 4

    def test_other_sizes_are_laid_over_the_first(self) -> None:
        region = Region(
            x=0, y=0, width=1280, height=640, area=9, centroid_x=1, centroid_y=1, peak=3, peak_x=1, peak_y=1
        )
        places = Places(640, 320)
        places.add(said(Outcome.FAIL, regions=(region,), width=1280, height=640))
        assert places.hits.min() == 1


@pytest.fixture(scope="module")
def line(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """Twenty frames, every fourth with a spot on the right, one of them no picture; the archive keeps them."""
    folder = tmp_path_factory.mktemp("shift")
    pictures = folder / "web"
    pictures.mkdir()
    for index in range(20):
        picture = surface_picture(index, 128, 256)
        cv2.imwrite(str(pictures / f"{index}.png"), spot(picture, 40, 220) if index % 4 == 0 else picture)
    (pictures / "7.png").write_bytes(b"no picture")
    configuration = Configuration(
        folder, bundle, {"web": {"source": f"images:{pictures}"}}, f'[archive]\npath = "{folder / "archive"}"\n'
    )
    text = configuration.path.read_text().replace(configuration.extra, "") + configuration.extra
    configuration.path.write_text(text)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0
    return configuration


def report(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(make_app(["report"]), ["report", *arguments])
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_the_page_says_what_the_journal_holds(line: Configuration, tmp_path: Path) -> None:
    page = tmp_path / "shift.html"
    code, output = report(str(line.journal), "--archive", str(line.folder / "archive"), "--out", str(page))
    assert (code, output.strip()) == (0, str(page))
    counts = Counter(verdict["outcome"] for verdict in line.verdicts_in_journal())
    assert counts == {"PASS": 14, "FAIL": 5, "ERROR": 1}
    html = page.read_text()
    row = re.sub(r"\s*<[^>]+>\s*", " ", html[html.index('<td class="n">20</td>') :][:200])
    assert "20 14 5 1 70 %" in " ".join(row.split())
    assert html.count("data:image/jpeg") == 5
    assert "bad_frame" in html
    assert "centre right" in html
    assert re.findall(r'(?:src|href)="(?!data:|#)', html) == []


def test_without_an_archive_pictures_are_told_to_be_missing(line: Configuration, tmp_path: Path) -> None:
    code, _ = report(str(line.journal), "--out", str(tmp_path / "shift.html"))
    assert code == 0
    assert "no picture in the archive" in (tmp_path / "shift.html").read_text()


def test_a_shift_of_which_nothing_is_known_is_refused(line: Configuration, tmp_path: Path) -> None:
    page = tmp_path / "shift.html"
    code, output = report(
        str(line.journal), "--since", "2020-01-01T06:00", "--until", "2020-01-01T14:00", "--out", str(page)
    )
    assert code != 0
    assert "nothing was said from 2020-01-01 06:00 to 2020-01-01 14:00" in output
    assert not page.exists()


def test_the_page_of_before_stays_where_the_disk_is_full(line: Configuration, tmp_path: Path) -> None:
    """As on a disk with room for SQLite's 32 kB, and for no page; a link to the page goes on to lead there."""
    page, link = tmp_path / "shift.html", tmp_path / "latest.html"
    page.write_text("of before")
    link.symlink_to(page)
    command = ["inspectd-train", "report", str(line.journal), "--out", str(link)]
    program = f"import sys; sys.argv = {command}; import tools.cli as c; c.main()"
    ended = subprocess.run(
        ["prlimit", "--fsize=32768", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, f"--out {link}: cannot be written: File too large" in ended.stderr) == (73, True)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["latest.html", "shift.html"]
    assert page.read_text() == "of before"
    assert report(str(line.journal), "--out", str(link))[0] == 0
    assert link.is_symlink()
    assert len(page.read_bytes()) > 32768


def test_a_pipe_or_device_is_not_replaced_by_a_page(line: Configuration, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for there in (tmp_path / "pipe", tmp_path):
        code, output = report(str(line.journal), "--out", str(there))
        assert (code, f"--out {there}: is there and no file" in output) == (1, True)
    assert (tmp_path / "pipe").is_fifo()


def test_a_name_that_no_disk_takes_is_told(line: Configuration, tmp_path: Path) -> None:
    out = tmp_path / ("long" * 100)
    code, output = report(str(line.journal), "--out", str(out))
    assert (code, f"--out {out}: cannot be written: File name too long" in output) == (1, True)
