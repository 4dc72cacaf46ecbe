"""The region of interest: which pixels and cells count, and what becomes of the rest."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.base import Ticket
from engines.bundle import Bundle
from engines.cuts import Cut, count_tiles
from inspectd.errors import SettingsError, ViewError
from inspectd.pipeline.model import Model
from inspectd.settings import ImagesCamera, make_settings
from inspectd.view.area import cells_inside, draw_area, make_area
from inspectd.view.view import View, framing, load_view
from inspectd.wire.models import Outcome, Reason
from tests.bundles import spot, surface_picture
from tests.inspectd.line import GatedEngine, Line

HEIGHT, WIDTH = 160, 320
LEFT_HALF = ((0, 0), (159, 0), (159, 159), (0, 159))


class CountingEngine(GatedEngine):
    """The real engine, with a count of the tiles that it was given."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.tiles = 0

    def submit(self, cuts: Sequence[Cut]) -> Ticket:
        self.tiles += count_tiles(cuts)
        return super().submit(cuts)


@pytest.fixture
def engine(bundle: Bundle) -> Iterator[CountingEngine]:
    with CountingEngine(bundle) as engine:
        engine.tiles = 0  # without those of the golden check
        yield engine


def white_left(folder: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    return folder / "mask.png"


def test_a_cell_counts_where_half_of_its_pixels_are_inside() -> None:
    inside = np.zeros((16, 24), bool)
    inside[:8, :8] = True
    inside[:8, 8:12] = True  # half of a cell
    inside[:8, 16:19] = True  # less
    inside[8:, 0] = True
    np.testing.assert_array_equal(cells_inside(inside, 8), [[True, True, False], [False, False, False]])


def test_of_a_cell_at_the_frames_end_what_there_is_counts() -> None:
    inside = np.zeros((10, 9), bool)
    inside[8:, 8:] = True
    np.testing.assert_array_equal(cells_inside(inside, 8), [[False, False], [False, True]])


def test_polygons_add_up_and_a_mask_takes_away(tmp_path: Path) -> None:
    two = make_area([[[0, 0], [7, 0], [7, 7], [0, 7]], [[4, 4], [11, 4], [11, 11], [4, 11]]], None)
    assert two is not None
    assert two.pixels(20, 30).sum() == 64 + 64 - 16
    hole = np.full((20, 30, 3), 255, np.uint8)
    hole[5:7, 5:7] = 0
    cv2.imwrite(str(tmp_path / "hole.png"), hole)
    both = make_area([[[0, 0], [7, 0], [7, 7], [0, 7]]], tmp_path / "hole.png")
    assert both is not None
    assert both.pixels(20, 30).sum() == 64 - 4


def test_what_does_not_fit_the_frame_is_told_with_the_sizes(tmp_path: Path) -> None:
    mask = make_area([], white_left(tmp_path))
    assert mask is not None
    with pytest.raises(ViewError, match="the mask is 320×160 px, the frame 640×480 px"):
        mask.pixels(480, 640)
    polygon = make_area([LEFT_HALF], None)
    assert polygon is not None
    with pytest.raises(ViewError, match="roi reaches to x = 159, y = 159; the frame has 320×100 px"):
        polygon.pixels(100, 320)


def test_a_view_is_checked_as_it_is_loaded(tmp_path: Path, bundle: Bundle) -> None:
    geometry = bundle.manifest.tile

    def problems(**settings: object) -> str:
        camera = ImagesCamera.model_validate({"source": "images:x", **settings})
        with pytest.raises(ViewError) as told:
            load_view(camera, geometry)
        return str(told.value)

    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((HEIGHT, WIDTH), np.uint8))
    (tmp_path / "text.json").write_text("{}")
    assert "mask = '" in (missing := problems(mask=tmp_path / "none.png"))
    assert "none.png': cannot be read: No such file" in missing
    assert "leave nothing of the frame, 320×160 px, to inspect" in problems(mask=black)
    assert "leave nothing of the frame" in problems(roi=[[[3, 3], [5, 3], [5, 5], [3, 5]]], mask=white_left(tmp_path))
    assert "leave nothing of the frame" in problems(roi=[[[100, 100], [101, 100], [101, 101]]])
    both = problems(scale=tmp_path / "text.json", flat_field=tmp_path / "text.json").splitlines()
    assert [line.partition(" ")[0] for line in both] == ["scale", "flat_field"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("mm_per_px = 0.1\nscale = 'a.json'", "cameras.web.scale = 'a.json': .*mm_per_px gives a scale as well"),
        ("roi = [[[0, 0], [9, 0]]]", "cameras.web.roi.0"),
        ("roi = [[[0, 0], [9, 0], [9, -1]]]", "cameras.web.roi.0.2.1 = -1"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(keys: str, says: str) -> None:
    text = f"[model]\nbundle = 'b'\n[cameras.web]\nsource = 'images:x'\n{keys}"
    with pytest.raises(SettingsError, match=says):
        make_settings(tomllib.loads(text), origin="line.toml")


def test_a_defect_outside_never_fails_and_one_inside_does(bundle: Bundle, engine: CountingEngine) -> None:
    view = View(make_area([LEFT_HALF], None))
    line = Line(Model.of(engine, bundle), view=view)
    good = surface_picture(1, HEIGHT, WIDTH)
    outside = line.take(spot(good, 64, 200, 48))
    inside = line.take(spot(good, 64, 64))
    across = line.take(spot(good, 64, 140, 48))
    verdicts = line.finish()
    assert verdicts[outside].outcome is Outcome.PASS
    assert verdicts[inside].outcome is Outcome.FAIL
    assert verdicts[across].outcome is Outcome.FAIL
    for region in (*verdicts[inside].regions, *verdicts[across].regions):
        assert region.x + region.width <= 160, "nothing is told of what lies outside"
    for published in line.maps:
        assert published is not None
        assert (published.distance[:, 20:] == 0).all()
        assert (published.distance[:, :20] > 0).all()


def test_inside_the_map_is_the_same_and_tiles_outside_are_not_run(bundle: Bundle, engine: CountingEngine) -> None:
    picture = spot(surface_picture(1, HEIGHT, WIDTH), 64, 64)
    maps = []
    tiles = []
    for view in (View(), View(make_area([LEFT_HALF], None))):
        engine.tiles = 0
        line = Line(Model.of(engine, bundle), view=view)
        line.finish_one(picture)
        (published,) = line.maps
        assert published is not None
        maps.append(published.distance)
        tiles.append(engine.tiles)
    np.testing.assert_array_equal(maps[1][:, :20], maps[0][:, :20])
    view = View(make_area([LEFT_HALF], None))
    assert tiles[1] == len(framing(view, HEIGHT, WIDTH, bundle.manifest.tile).grid)
    assert tiles[1] <= 0.7 * tiles[0]


def test_a_small_area_is_not_diluted_by_what_lies_around(bundle: Bundle, engine: CountingEngine) -> None:
    """One cell is all there is: its value is the score, though two would be averaged elsewhere."""
    view = View(make_area([((64, 64), (71, 64), (71, 71), (64, 71))], None))
    line = Line(Model.of(engine, bundle), view=view)
    verdict = line.finish_one(spot(surface_picture(1, HEIGHT, WIDTH), 64, 64, 8))
    (published,) = line.maps
    assert published is not None
    assert verdict.score == pytest.approx(float(published.distance.max()))
    assert verdict.outcome is Outcome.FAIL


def test_a_frame_that_the_mask_does_not_fit_is_an_error(tmp_path: Path, bundle: Bundle, engine: CountingEngine) -> None:
    view = View(make_area([], white_left(tmp_path)))
    line = Line(Model.of(engine, bundle), view=view)
    wrong = line.take(surface_picture(1, HEIGHT, WIDTH + 8))
    right = line.take(surface_picture(1, HEIGHT, WIDTH))
    verdicts = line.finish()
    assert (verdicts[wrong].outcome, verdicts[wrong].reason) == (Outcome.ERROR, Reason.BAD_FRAME)
    assert "the mask is 320×160 px, the frame 328×160 px" in (verdicts[wrong].detail or "")
    assert verdicts[right].outcome is Outcome.PASS
    assert sorted(line.released) == [wrong, right]


def test_drawing_darkens_what_is_not_inspected() -> None:
    canvas: NDArray[np.uint8] = np.full((100, 200, 3), 120, np.uint8)
    inside = np.zeros((100, 200), bool)
    inside[:, :100] = True
    draw_area(canvas, inside)
    assert (canvas[50, 150] == 40).all()
    assert (canvas[50, 50] == 120).all()
    assert tuple(canvas[50, 99]) == (0, 255, 0)
