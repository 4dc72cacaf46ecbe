"""A scale from pictures of a checkerboard, and what is measured with it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspectd.errors import ViewError
from inspectd.judge import find_regions
from inspectd.view.board import measure
from inspectd.view.making import calibrate, parse_board
from inspectd.view.measuring import Measuring
from inspectd.view.plane import Plane, ScaleFile, read_plane
from tests.inspectd.view.checkerboard import BOARD, HEIGHT, WIDTH, Eye, photograph, pose, transformed

ASLANT = pose((0.45, -0.35, 0.2), (-30.0, -20.0, 150.0))
BENT = Eye((-0.25, 0.08, 0.001, -0.0008, 0.0))
POSES = (
    ASLANT,
    pose((-0.4, 0.3, 0.0), (-45.0, -35.0, 170.0)),
    pose((0.1, 0.5, -0.2), (-20.0, -40.0, 160.0)),
    pose((0.3, 0.1, 0.1), (-65.0, -45.0, 150.0)),
    pose((-0.3, -0.3, -0.1), (0.0, -10.0, 160.0)),
    pose((0.0, 0.0, 0.0), (-35.0, -25.0, 110.0)),
)


def distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.linalg.norm(points[:, None] - points[None], axis=2)
    return found


def frame_points() -> NDArray[np.float64]:
    x, y = np.meshgrid(np.linspace(0, WIDTH, 9), np.linspace(0, HEIGHT, 7))
    return np.stack([x.ravel(), y.ravel()], axis=1)


@pytest.fixture(scope="module")
def aslant() -> Plane:
    return Plane(measure(BOARD, [BOARD.find(photograph(ASLANT, Eye()))], HEIGHT, WIDTH))


def test_one_picture_gives_the_plane_to_a_tenth_of_a_millimetre(aslant: Plane) -> None:
    board_mm = BOARD.corners_mm.astype(np.float64)
    found = distances(aslant.to_mm(transformed(board_mm, ASLANT)))
    assert np.abs(found - distances(board_mm)).max() < 0.1
    # Beyond the board, to where the frame ends, it is told by extrapolation.
    points = frame_points()
    truth = distances(transformed(points, np.linalg.inv(ASLANT)))
    assert np.abs(distances(aslant.to_mm(points)) - truth).max() < 0.002 * truth.max()
    assert aslant.file.lens is None
    assert aslant.file.error_px < 0.1
    assert aslant.file.error_mm < 0.02


def test_the_plane_lies_as_the_frame_does(aslant: Plane) -> None:
    """However the board was laid down."""
    x, y = WIDTH / 2, HEIGHT / 2
    middle = np.array([[x, y], [x + 1, y], [x, y + 1]])
    origin, centre, right, below = aslant.to_mm(np.vstack([[0, 0], middle]))
    np.testing.assert_allclose(origin, 0, atol=1e-6)
    assert right[0] > centre[0]
    assert right[1] == pytest.approx(centre[1], abs=1e-6)
    assert below[1] > centre[1]
    truth = distances(transformed(middle, np.linalg.inv(ASLANT)))
    assert truth[0, 1] < aslant.mm_per_px < truth[0, 2] or truth[0, 2] < aslant.mm_per_px < truth[0, 1]


def test_five_pictures_tell_of_the_lens_too() -> None:
    found = [BOARD.find(photograph(place, BENT)) for place in POSES]
    points = frame_points()
    truth = distances(transformed(BENT.straight(points), np.linalg.inv(ASLANT)))
    with_lens = Plane(measure(BOARD, found, HEIGHT, WIDTH))
    assert with_lens.file.lens is not None
    assert with_lens.file.lens.error_px < 0.3
    board_mm = BOARD.corners_mm.astype(np.float64)
    assert np.abs(distances(with_lens.to_mm(found[0])) - distances(board_mm)).max() < 0.1
    error = np.abs(distances(with_lens.to_mm(points)) - truth)
    assert error.max() < 0.005 * truth.max()
    without = np.abs(distances(Plane(measure(BOARD, found[:1], HEIGHT, WIDTH)).to_mm(points)) - truth)
    assert error.max() < without.max() / 5


def test_a_region_is_measured_on_the_plane(aslant: Plane) -> None:
    cell, map_shape = 8, (HEIGHT // 8, WIDTH // 8)
    distance = np.zeros(map_shape, np.float32)
    distance[10:20, 30:60] = 4.0
    (region,), _ = find_regions(
        distance, 2.0, width=WIDTH, height=HEIGHT, cell=cell, measuring=Measuring.of(aslant, cell)
    )
    left, top, right, bottom = region.x, region.y, region.x + region.width, region.y + region.height
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    on_plane = aslant.to_mm(corners)
    assert region.width_mm is not None
    assert region.height_mm is not None
    assert region.area_mm2 is not None
    assert [region.width_mm, region.height_mm] == pytest.approx(np.ptp(on_plane, axis=0), abs=0.3)
    assert region.area_mm2 == pytest.approx(cv2.contourArea(on_plane.astype(np.float32)), rel=0.02)
    centre = aslant.to_mm(np.array([[region.centroid_x, region.centroid_y]]))[0]
    assert [region.centroid_x_mm, region.centroid_y_mm] == pytest.approx(centre, abs=0.001)


def test_a_region_at_the_frames_end_is_measured_within_it(aslant: Plane) -> None:
    plane = Plane(aslant.file.model_copy(update={"width": WIDTH - 3, "height": HEIGHT - 3}))
    distance = np.zeros((HEIGHT // 8, WIDTH // 8), np.float32)
    distance[-1, -1] = 4.0
    (region,), _ = find_regions(
        distance, 2.0, width=WIDTH - 3, height=HEIGHT - 3, cell=8, measuring=Measuring.of(plane, 8)
    )
    assert (region.x + region.width, region.y + region.height) == (WIDTH - 3, HEIGHT - 3)
    box = [[x, y] for x in (region.x, WIDTH - 3) for y in (region.y, HEIGHT - 3)]
    widest, highest = np.ptp(plane.to_mm(np.array(box)), axis=0)
    assert region.width_mm is not None
    assert region.height_mm is not None
    assert 0 < region.width_mm <= widest + 0.001
    assert 0 < region.height_mm <= highest + 0.001


def test_the_command_writes_the_scale_and_what_it_saw(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "first.png"), photograph(ASLANT, Eye()))
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((HEIGHT, WIDTH), 200, np.uint8))
    out = tmp_path / "scale.json"
    made = calibrate([tmp_path / "first.png", tmp_path / "empty.png"], parse_board("8x6", 10.0), out)
    assert len(made.left_out) == 1
    assert "empty.png: no board with 8×6 inner corners" in made.left_out[0]
    assert read_plane(out).file == made.plane.file
    told = json.loads(out.read_text())
    assert (told["width"], told["height"], told["board"], told["pictures"]) == (WIDTH, HEIGHT, "8×6", 1)
    drawn = cv2.imread(str(tmp_path / "scale.corners.png"))
    assert drawn is not None
    assert drawn.shape == (HEIGHT, WIDTH, 3)
    assert (drawn[..., 0] != drawn[..., 2]).any(), "the corners are drawn in colour"
    assert "px" in str(made)
    assert "mm (RMS)" in str(made)


def test_pictures_that_do_not_do_are_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((HEIGHT, WIDTH), 200, np.uint8))
    with pytest.raises(ViewError, match=r"empty\.png: no board"):
        calibrate([tmp_path / "empty.png"], BOARD, tmp_path / "scale.json")
    with pytest.raises(ViewError, match=r"none\.png: cannot be read"):
        calibrate([tmp_path / "none.png"], BOARD, tmp_path / "scale.json")
    with pytest.raises(ViewError, match="write inner corners as COLUMNSxROWS"):
        parse_board("9by6", 10.0)
    assert not (tmp_path / "scale.json").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "version"),
        ({"homography": [[1, 0, 0], [0, 1, 0]]}, "homography"),
        ({"homography": [[0.1, 0, 0], [0, 0.1, 0], [-0.01, 0, 1]]}, "horizon lies within the frame"),
        ({"square_mm": float("nan")}, "square_mm"),
    ],
)
def test_a_scale_file_that_cannot_be_is_refused(
    tmp_path: Path, aslant: Plane, change: dict[str, object], says: str
) -> None:
    file = tmp_path / "scale.json"
    file.write_text(json.dumps(json.loads(aslant.file.model_dump_json()) | change))
    with pytest.raises(ViewError, match=says):
        read_plane(file)


def test_a_scale_file_survives_its_writing(tmp_path: Path, aslant: Plane) -> None:
    file = tmp_path / "scale.json"
    file.write_text(aslant.file.model_dump_json())
    assert read_plane(file).file == ScaleFile.model_validate(aslant.file.model_dump())
