"""A fit that learns from labels, and is tested on what earlier bundles got wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from calib.border import level  # noqa: E402
from calib.score import top_mean  # noqa: E402
from engines.base import Ticket  # noqa: E402
from engines.bundle import Bundle, open_bundle  # noqa: E402
from engines.cuts import Cut  # noqa: E402
from engines.manifest import TileGeometry  # noqa: E402
from engines.pixels import PixelFormat  # noqa: E402
from engines.tiling import tile_grid  # noqa: E402
from inspectd.archive import ArchiveReader, Opinion  # noqa: E402
from inspectd.archive.areas import encode_area  # noqa: E402
from inspectd.frames import Loan  # noqa: E402
from inspectd.pipeline.model import Model  # noqa: E402
from inspectd.pipeline.onlookers import Seen  # noqa: E402
from inspectd.view.area import Area  # noqa: E402
from inspectd.view.view import View  # noqa: E402
from inspectd.wire.models import Outcome  # noqa: E402
from tests.bundles import spot, surface_picture  # noqa: E402
from tests.inspectd.archive.frames import JOURNAL, filled, seen  # noqa: E402
from tests.inspectd.line import GatedEngine, Line  # noqa: E402
from tests.tools.fit.conftest import Fit, Write, paper  # noqa: E402
from tools.backbones.lite0 import Lite0  # noqa: E402
from tools.errors import PictureError  # noqa: E402
from tools.fit.frames import Judged, see_defective  # noqa: E402
from tools.fit.lessons import find_lessons, put_to_test, rows  # noqa: E402
from tools.fit.overlaps import Overlaps  # noqa: E402
from tools.fit.pictures import PictureFile  # noqa: E402
from tools.fit.pool import cut_tiles  # noqa: E402
from tools.fit.splits import Part, split  # noqa: E402
from tools.label.recording import Recorder  # noqa: E402
from tools.label.regression import Lesson, RegressionSet  # noqa: E402

FALSE_ALARM, DEFECT, MISS, LOST = 1, 2, 10, 4
FAST = ("--method", "whitened", "--beside", "none", "--surface", "brick", "--tile", "96")


def scratched(seed: int) -> NDArray[np.uint8]:
    picture = paper(seed)
    cv2.line(picture, (10, 20), (80, 70), (10, 10, 10), 5)
    return picture


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """What a line kept, and what a person said of it."""
    pictures = {FALSE_ALARM: paper(101), DEFECT: scratched(102), MISS: scratched(103), LOST: paper(104)}
    said = {FALSE_ALARM: Opinion.GOOD, DEFECT: Opinion.BAD, MISS: Opinion.BAD, LOST: Opinion.BAD}
    with filled(tmp_path / "archive", pass_every=10) as line:
        for number, pixels in pictures.items():
            outcome = Outcome.PASS if number == MISS else Outcome.FAIL
            line.show(seen(number, outcome, pixels=pixels, pixel_format=PixelFormat.RGB8))
    recorder = Recorder("mara", RegressionSet(tmp_path / "archive" / "regression"))
    for entry in ArchiveReader(tmp_path / "archive").entries():
        recorder.record(entry, said[entry.name.sequence])
    return tmp_path / "archive"


def test_false_alarms_are_learned_and_the_bundle_is_tested(
    fit: Fit, write_papers: Write, tmp_path: Path, archive: Path
) -> None:
    good = write_papers("good", 12)
    done = fit(
        "--good",
        good,
        "--labels",
        archive,
        "--out",
        tmp_path / "out",
        "--json",
        tmp_path / "fit.json",
        *FAST,
    )
    bundle = open_bundle(Path(done.stdout.strip()))
    told = " ".join(done.stderr.split())
    # A defect that is none is not found again: the bundle is there, and the exit code says that it must be looked at.
    assert done.returncode == 1, done.stderr
    assert "misses 1 of the defects that were found before" in told
    assert "Of those learned, 1 were false alarms" in told
    measured = bundle.manifest.figures
    assert measured["regression_misses"] == measured["regression_misses_right"] == 1
    assert (measured["regression_defects"], measured["regression_defects_right"]) == (2, 0.5)
    assert measured["regression_false_alarms_right"] == 1
    assert bundle.manifest.training.pictures + bundle.manifest.training.held_out_pictures == 13
    assert len(bundle.calibration.held_out_scores) == 3
    assert "Regression set" in (bundle.path / "report.html").read_text()
    results = {each["case"]: each for each in json.loads((tmp_path / "fit.json").read_text())["regression"]}
    lost = results[f"2026-11-25_web_{JOURNAL}-000000004"]
    assert (lost["lesson"], lost["expected"], lost["outcome"], lost["lost"]) == ("defect", "FAIL", "PASS", True)


def test_a_set_without_its_archive(archive: Path) -> None:
    lessons = find_lessons(None, archive / "regression", "brick", skip=False)
    assert (len(lessons.false_alarms), len(lessons.cases), len(lessons.pictures)) == (0, 4, 4)
    scores = {"miss": 3.0, "defect": 1.5, "false alarm": 0.5}
    judged = [
        Judged("", np.empty((0, 0, 3), np.uint8), np.zeros((1, 1), np.float32), scores[case.lesson])
        for case in lessons.cases
    ]
    results = put_to_test(lessons, judged, 1.0)
    assert all(each.right for each in results)
    assert not any(each.lost for each in results)
    assert rows(results) == [
        ("misses that FAIL", "1 of 1"), ("defects that FAIL", "2 of 2"), ("false alarms that PASS", "1 of 1"),
    ]  # fmt: skip
    # A miss that is missed again is told, but nothing is lost by it.
    again = put_to_test(lessons, judged, 4.0)
    assert [each.lost for each in again if each.case.lesson is Lesson.MISS] == [False]
    assert rows(again)[3][1] == "PASS, must be FAIL: 0.38 of the threshold, lost"


class Recording(GatedEngine):
    """Notes each tile that it gets."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.tiles: list[NDArray[np.uint8]] = []

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        for cut in cuts:
            size = cut.frame.grid.geometry.size
            tiles = np.empty((cut.count, size, size, 3), np.uint8)
            cut.write(tiles)
            self.tiles += list(tiles)
        return super().submit(cuts)


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_what_is_learned_is_what_was_judged(bundle: Bundle, tmp_path: Path, pixel_format: PixelFormat) -> None:
    """A false alarm in a region of interest, with something beside it that is no surface at all."""
    height, width, roi = 150, 200, Area((np.array([[10, 20], [90, 12], [80, 139], [5, 120]], np.int32),))
    frame_pixels = spot(surface_picture(1, height, width), 60, 40)
    frame_pixels[:, 120:] = np.random.default_rng(1).integers(0, 256, (height, 80, 3))
    if pixel_format is PixelFormat.MONO8:
        frame_pixels = np.ascontiguousarray(frame_pixels[..., 0])
    with Recording(bundle) as engine:
        line = Line(Model.of(engine, bundle), view=View(area=roi))
        frame = replace(line.frame(frame_pixels), pixel_format=pixel_format)
        engine.tiles.clear()  # those of its activation
        line.inspector.frame(frame)
        drafted = line.finish()[frame.number]
        (judged_map,), judged_tiles = line.maps, engine.tiles
        assert drafted.outcome is Outcome.FAIL
        with filled(tmp_path / "archive", areas={"web": roi}) as kept:
            said = drafted.numbered("line-3", "boot", JOURNAL, 1)
            kept.show(Seen(said, replace(frame, loan=Loan(lambda: None)), judged_map))
        recorder = Recorder("mara", RegressionSet(tmp_path / "archive" / "regression"))
        recorder.record(next(ArchiveReader(tmp_path / "archive").entries()), Opinion.GOOD)
        lessons = find_lessons(tmp_path / "archive", None, said.surface, skip=False)

        (false_alarm,) = lessons.false_alarms
        geometry = bundle.manifest.tile
        parts = [Part(false_alarm, 0, 0, height, width)]
        learned = cut_tiles(parts, geometry, 1000, np.random.default_rng(0))
        assert {tile.tobytes() for tile in learned} == {tile.tobytes() for tile in judged_tiles}
        assert len(learned) == len(judged_tiles) < len(tile_grid(height, width, geometry))

        # Tested on it, a bundle says what the daemon said of it.
        (case,) = see_defective(engine, geometry, lessons.pictures, lambda _: None)
        top_cells, border = bundle.calibration.top_cells, bundle.calibration.border
        assert case.inspected is not None
        assert judged_map is not None
        tested = level(case.distance, border)
        assert top_mean(tested[case.inspected], top_cells) == pytest.approx(drafted.score)
        np.testing.assert_allclose(np.where(case.inspected, tested, 0), judged_map.distance, rtol=1e-5)


def test_a_set_keeps_what_of_a_picture_is_inspected(archive: Path, tmp_path: Path) -> None:
    with filled(tmp_path / "lines", areas={"web": Area((np.array([[0, 0], [40, 0], [40, 95], [0, 95]]),))}) as line:
        line.show(seen(1, pixels=paper(101)))
    regression = RegressionSet(archive / "regression")
    Recorder("mara", regression).record(line.entries()[0], Opinion.BAD)
    case = next(case for case in regression.cases() if case.area is not None)
    assert case.area is not None
    lessons = find_lessons(None, regression.path, "brick", skip=False)
    inside = {picture.path: picture.inspected() for picture in lessons.pictures}[case.picture]
    assert inside is not None
    assert inside[:, :41].all()
    assert not inside[:, 41:].any()
    case.area.write_bytes(b"")
    with pytest.raises(PictureError, match="what of it is inspected cannot be read; label it again"):
        find_lessons(None, regression.path, "brick", skip=False)
    case.area.unlink()
    with pytest.raises(PictureError, match="label the picture again"):
        find_lessons(None, regression.path, "brick", skip=False)


def test_a_picture_of_which_no_cell_is_inspected_is_told(archive: Path) -> None:
    strip = np.zeros((96, 96), np.bool_)
    strip[:, 50] = True
    (false_alarm,) = find_lessons(archive, None, "brick", skip=False).false_alarms
    narrow = replace(false_alarm, area=encode_area(strip))
    geometry = TileGeometry(size=64, overlap=16, cell=8, alignment=16)
    with pytest.raises(PictureError, match=r"FAIL\.png: what of it is inspected is too narrow for cells of 8 px"):
        cut_tiles([Part(narrow, 0, 0, 96, 96)], geometry, 10, np.random.default_rng(0))


def test_pictures_that_were_picked_out_set_no_threshold() -> None:
    def pictures(count: int, first: int, *, picked: bool) -> list[PictureFile]:
        return [
            PictureFile(Path(f"{index}.png"), f"{index:064d}", 128, 128, picked=picked)
            for index in range(first, first + count)
        ]

    without = split(pictures(12, 0, picked=False), Lite0(), Overlaps(), tile="auto", overlap=32, seed=0)
    both = pictures(12, 0, picked=False) + pictures(30, 100, picked=True)
    parts = split(both, Lite0(), Overlaps(), tile="auto", overlap=32, seed=0)
    assert parts.held_out == without.held_out
    assert parts.train[: len(without.train)] == without.train
    assert sum(part.picture.picked for part in parts.train) == 30


def test_only_pictures_of_the_surface_count(archive: Path) -> None:
    assert len(find_lessons(archive, None, "brick", skip=False).cases) == 4
    with pytest.raises(PictureError, match="shows brick, not cloth; name the surface with --surface"):
        find_lessons(archive, None, "cloth", skip=False)


def test_an_archive_that_nobody_has_labelled_teaches_nothing(tmp_path: Path) -> None:
    with filled(tmp_path) as line:
        line.show(seen(1))
    lessons = find_lessons(tmp_path, None, "brick", skip=False)
    assert (lessons.false_alarms, lessons.cases) == ([], [])


def test_a_damaged_case_is_named(archive: Path) -> None:
    (archive / "regression" / f"2026-11-25_web_{JOURNAL}-000000002.json").write_text("{}")
    with pytest.raises(PictureError, match=r"000000002\.json: no case of a regression set"):
        find_lessons(archive, None, "brick", skip=False)
