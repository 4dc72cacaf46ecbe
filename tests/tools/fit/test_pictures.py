"""What pictures a fit takes, and what it says of the others."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tools.fit.conftest import Write, paper
from tools.errors import PictureError
from tools.fit.pictures import find_defective, find_good


def test_pictures_are_read_as_rgb_in_natural_order(tmp_path: Path) -> None:
    red = np.zeros((40, 50, 3), np.uint8)
    red[:, :25, 2] = 200  # OpenCV writes BGR
    for name in ("tile10.png", "tile2.png"):
        cv2.imwrite(str(tmp_path / name), red)
    found = find_good(tmp_path, skip=False)
    assert [picture.path.name for picture in found] == ["tile2.png", "tile10.png"]
    assert (found[0].height, found[0].width) == (40, 50)
    assert found[0].read()[0, 0].tolist() == [200, 0, 0]


def test_a_truncated_and_an_unreadable_picture_are_named_together(write_papers: Write) -> None:
    folder = write_papers("good", 3)
    whole = (folder / "000.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.jpg").write_text("no picture")
    with pytest.raises(PictureError, match=r"2 of 5 pictures.*--skip-unreadable") as raised:
        find_good(folder, skip=False)
    assert "cut.png: the PNG breaks off" in str(raised.value)
    assert "notes.jpg: " in str(raised.value)
    assert len(find_good(folder, skip=True)) == 3


def test_pictures_all_black_are_refused_even_when_bad_ones_are_skipped(tmp_path: Path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.zeros((64, 64), np.uint8))
    with pytest.raises(PictureError, match=r"3 of 3 pictures cannot be used(.|\n)*all one grey \(0\)"):
        find_good(tmp_path, skip=True)


def test_a_picture_too_small_to_hold_a_defect_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), paper(0, 20, 100))
    with pytest.raises(PictureError, match=r"small\.png: is 100×20 px"):
        find_good(tmp_path, skip=False)


def test_an_empty_folder_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no picture in this folder"):
        find_good(tmp_path, skip=False)
    with pytest.raises(PictureError, match=r"gone: the folder cannot be read: No such file"):
        find_good(tmp_path / "gone", skip=False)


def test_defects_are_found_in_sub_folders_but_never_among_good_or_masks(write_papers: Write) -> None:
    good = write_papers("web/good", 2)
    write_papers("web/hole", 3)
    write_papers("web/ground_truth", 3)
    found = find_defective(good.parent, good, skip=False)
    assert [picture.label for picture in found] == ["hole"] * 3


def test_one_folder_cannot_be_good_and_defective(write_papers: Write) -> None:
    good = write_papers("good", 2)
    with pytest.raises(PictureError, match="the same folder"):
        find_defective(good, good, skip=False)


def grouped(folder: Path, names: list[str], pattern: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), paper(index))
    return [picture.group for picture in find_good(folder, skip=False, group=re.compile(pattern))]


EXPOSURES = ["exp1_num_12.png", "exp1_num_345.png", "exp2_num_12.png"]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"num_(\d+)", ["12", "345", "12"]),
        (r"exp\d", ["exp1", "exp1", "exp2"]),
        (r"(?:exp)(\d)_num_(\d+)", ["1", "1", "2"]),
    ],
)
def test_a_group_is_what_the_pattern_finds_in_the_name(tmp_path: Path, pattern: str, groups: list[str]) -> None:
    assert grouped(tmp_path, EXPOSURES, pattern) == groups


def test_without_a_pattern_every_picture_stands_alone(write_papers: Write) -> None:
    assert {picture.group for picture in find_good(write_papers("good", 3), skip=False)} == {""}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"num_(\d+)", "in the names of 2 of 3 pictures"),
        (r"num_(\d*)", "in the names of 2 of 3 pictures"),  # finds an empty group
        (r"exp\d|num_(\d+)", "in the names of 3 of 3 pictures"),  # finds something, but no group
    ],
)
def test_names_without_a_group_are_refused_with_the_first_of_them(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(PictureError, match="widen the pattern") as raised:
        grouped(tmp_path, ["exp2.png", "exp3_num_.png", "exp4_num_1.png"], pattern)
    for text in (f"--group '{pattern}'", said, "the first is exp2.png"):
        assert text in str(raised.value)


def test_an_empty_folder_is_told_as_such_with_a_pattern_too(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no picture in this folder"):
        grouped(tmp_path, [], "num")
