"""The inspector on a web: what it tells of frames that were judged, and of those that were not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.bundle import Bundle
from inspectd.check import check
from inspectd.daemon import run
from inspectd.errors import SettingsError
from inspectd.frames import LostFrame
from inspectd.pipeline.model import Model
from inspectd.settings import Direction, DropPolicy, WebSettings, load_settings
from inspectd.wire.models import Outcome, Reason
from tests.bundles import spot, surface_picture
from tests.daemons import Configuration
from tests.inspectd.line import GatedEngine, Line

GOOD = surface_picture(1)  # 64 px high: 32 mm
BAD = spot(surface_picture(2), 20, 30)
ENCODER = WebSettings(direction=Direction.UP, mm_per_count=1, stale_s=60, across_mm=200)


@pytest.fixture
def engine(bundle: Bundle) -> Iterator[GatedEngine]:
    with GatedEngine(bundle) as engine:
        yield engine


def move(line: Line, count: int) -> None:
    """The web is at `count` mm, and stands."""
    for _ in range(2):
        line.inspector.encoders["web"].add(count, time.monotonic_ns())
        time.sleep(1e-6)


def test_a_frame_that_was_given_up_has_its_place_and_the_next_one_tells_the_gap(
    bundle: Bundle, engine: GatedEngine
) -> None:
    line = Line(Model.of(engine, bundle), drop=DropPolicy.NEWEST, web=ENCODER)
    move(line, 100)
    first = line.take(GOOD)
    move(line, 100)
    while line.inspector.open_frames:
        time.sleep(0.005)
    engine.gate.clear()
    numbers = []
    for count in range(132, 132 + 12 * 32, 32):
        move(line, count)
        numbers.append(line.take(GOOD))
        move(line, count)
    move(line, 1000)
    lost = LostFrame("web", 99, Reason.BAD_FRAME, "torn", time.monotonic_ns(), time.time_ns(), None)
    line.inspector.lost(lost)
    engine.gate.set()
    verdicts = line.finish()
    assert (verdicts[first].along_mm, verdicts[first].judged_from_mm) == (100, 100)
    assert [verdicts[number].along_mm for number in numbers] == list(range(132, 132 + 12 * 32, 32))
    given_up = [number for number in numbers if verdicts[number].outcome is Outcome.ERROR]
    assert given_up
    assert all(verdicts[number].judged_from_mm is None for number in given_up)
    assert (verdicts[99].along_mm, verdicts[99].across_mm, verdicts[99].reason) == (1000, 200, Reason.BAD_FRAME)
    assert line.inspector.uninspected_mm("web") == sum(verdict.uninspected_mm for verdict in line.drafts)


def test_the_map_that_is_published_is_the_one_that_was_judged(bundle: Bundle, engine: GatedEngine) -> None:
    line = Line(Model.of(engine, bundle), web=ENCODER)
    move(line, 0)
    line.take(BAD)
    while line.inspector.open_frames:
        time.sleep(0.005)
    move(line, 20)  # the upper 24 px were judged
    line.take(GOOD)
    line.finish()
    first, second = (distance.distance for distance in line.maps if distance is not None)
    assert (first > 0).all()
    assert (second[:3] == 0).all()
    assert (second[3:] > 0).all()
    assert line.drafts[0].regions[0].id == 1
    assert line.drafts[0].regions[0].across_mm == pytest.approx(215, abs=4)


def test_a_web_without_a_scale_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    extra = '[cameras.web.web]\ndirection = "up"\nspeed_mm_s = 100'
    configuration = Configuration(tmp_path, bundle, {"web": {"source": f"images:{tmp_path}"}}, extra)
    with pytest.raises(SettingsError, match=r"cameras.web.web: the scale is not known.*set mm_per_px"):
        run(load_settings(configuration.path))
    assert any("cameras.web.web: the scale is not known" in problem for problem in check(configuration.path).problems)
