"""How a study shows pictures and masks: as they are, or as publications do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.fit.conftest import paper
from tools.errors import PictureError
from tools.evaluate.dataset import LabelledPicture, find_pictures
from tools.study.views import NATIVE, parse_view, show


def save(file: Path, pixels: NDArray[np.uint8]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return file


def spoilt(root: Path, name: str, y: int, x: int, size: int = 32) -> None:
    """A sheet of 512×256 px with a red square and its mask."""
    pixels, mask = paper(1, 256, 512), np.zeros((256, 512), np.uint8)
    pixels[y : y + size, x : x + size] = 250, 20, 20
    mask[y : y + size, x : x + size] = 255
    save(root / "spot" / f"{name}.png", pixels)
    save(root / "ground_truth" / "spot" / f"{name}_mask.png", mask)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "surface"
    save(root / "good" / "0.png", paper(0, 256, 512))
    spoilt(root, "middle", 100, 240)
    return root


def seen(data: Path, view: str, folder: Path) -> dict[str, LabelledPicture]:
    return {picture.path.stem: picture for picture in show(parse_view(view), data, folder)}


def test_native_pictures_are_the_files_themselves(data: Path, tmp_path: Path) -> None:
    assert show(parse_view(NATIVE), data, tmp_path / "copies") == find_pictures(data)
    assert not (tmp_path / "copies").exists()


def test_picture_and_mask_are_resized_and_cropped_in_step(data: Path, tmp_path: Path) -> None:
    shown = seen(data, "128-crop-96", tmp_path / "copies")
    assert [(picture.kind, picture.good) for picture in shown.values()] == [("good", True), ("spot", False)]
    pixels = shown["middle"].read()
    assert pixels.shape == (96, 96, 3)
    truth = shown["middle"].truth(96, 96)
    assert truth is not None
    # 256×512 px are squashed to 128×128 px, of which 16 px go at each edge.
    rows, columns = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    assert (rows.min(), rows.max() + 1) == (100 // 2 - 16, 132 // 2 - 16)
    assert (columns.min(), columns.max() + 1) == (240 // 4 - 16, 272 // 4 - 16)
    np.testing.assert_array_equal((pixels[..., 0] > 200) & (pixels[..., 1] < 60), truth)


def test_a_good_picture_is_resized_as_a_whole_where_nothing_is_cropped(data: Path, tmp_path: Path) -> None:
    expected = cv2.resize(paper(0, 256, 512), (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(seen(data, "64-crop-64", tmp_path / "copies")["0"].read(), expected)


def test_a_defect_cropped_away_is_left_out_and_one_cut_in_two_stays(data: Path, tmp_path: Path) -> None:
    spoilt(data, "corner", 0, 0, size=20)
    spoilt(data, "edge", 20, 240)
    shown = seen(data, "128-crop-96", tmp_path / "copies")
    assert set(shown) == {"0", "middle", "edge"}
    truth = shown["edge"].truth(96, 96)
    assert truth is not None
    assert truth.any(1).sum() == (52 - 32) // 2


def test_a_defect_too_thin_for_the_smaller_picture_stays_marked(data: Path, tmp_path: Path) -> None:
    for offset in range(4):  # wherever the pixels of the smaller picture happen to lie
        spoilt(data, f"speck-{offset}", 101 + offset, 241 + offset, size=1)
    shown = seen(data, "64-crop-64", tmp_path / "copies")
    for offset in range(4):
        truth = shown[f"speck-{offset}"].truth(64, 64)
        assert truth is not None
        assert 1 <= truth.sum() <= 4
        assert truth[(101 + offset) // 4, (241 + offset) // 8]


def test_a_defect_that_nobody_marked_is_shown_without_a_mask(data: Path, tmp_path: Path) -> None:
    save(data / "stain" / "a.png", paper(2, 256, 512))
    stain = seen(data, "128-crop-96", tmp_path / "copies")["a"]
    assert (stain.kind, stain.mask, stain.read().shape) == ("stain", None, (96, 96, 3))


def test_pictures_whose_names_differ_by_their_endings_stay_apart(data: Path, tmp_path: Path) -> None:
    save(data / "good" / "0.bmp", paper(3, 256, 512))
    good = [picture for picture in show(parse_view("64-crop-64"), data, tmp_path / "copies") if picture.good]
    assert len({picture.path for picture in good}) == 2
    assert not np.array_equal(good[0].read(), good[1].read())


@pytest.mark.parametrize("view", ["", "256", "crop-224", "256-crop-", "224-crop-256", "64-crop-31", "native "])
def test_a_view_that_cannot_be_is_refused_with_an_example(view: str) -> None:
    with pytest.raises(ValueError, match="256-crop-224"):
        parse_view(view)


def test_a_mask_of_another_size_is_named(data: Path, tmp_path: Path) -> None:
    save(data / "ground_truth" / "spot" / "middle_mask.png", np.full((64, 64), 255, np.uint8))
    with pytest.raises(PictureError, match="middle_mask"):
        show(parse_view("128-crop-96"), data, tmp_path / "copies")
