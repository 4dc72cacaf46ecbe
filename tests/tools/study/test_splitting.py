"""Which good pictures a trial learns, and which it inspects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path

import cv2
import pytest
from rich.console import Console

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tests.tools.fit.conftest import paper  # noqa: E402 - after the check for torch
from tools.errors import PictureError  # noqa: E402
from tools.evaluate.dataset import LabelledPicture, find_pictures  # noqa: E402
from tools.fit.steps import Steps  # noqa: E402
from tools.study.design import Design, Half  # noqa: E402
from tools.study.division import Divided, divide, look  # noqa: E402


def quiet() -> Steps:
    return Steps(Console(file=StringIO()), quiet=True)


def design(share: float = 2 / 3, half: Half = "all", group: str | None = None) -> Design:
    return Design(share, half, 0.05, group, "tf_efficientnet_lite0", "auto", Path())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPicture]:
    """Twelve good sheets of six parts, two exposures each; five cracks and four stains."""
    root = tmp_path_factory.mktemp("surface")
    names = [f"good/part{part}-{exposure}" for part in range(6) for exposure in "ab"]
    names += [f"crack/{index}" for index in range(5)] + [f"stain/{index}" for index in range(4)]
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(root / f"{name}.png"), paper(seed, 32, 32))
    return find_pictures(root)


def divided_by(pictures: list[LabelledPicture], seed: int, wanted: Design) -> Divided:
    return divide(look(pictures, wanted, quiet()), seed, wanted)


Parted = tuple[set[str], set[str]]


def good_names(pictures: list[LabelledPicture], seed: int, wanted: Design) -> Parted:
    """Names of the good pictures that are learned, and of those that are inspected."""
    divided = divided_by(pictures, seed, wanted)
    learned = [picture.path.name for picture in divided.learned]
    inspected = [picture.path.name for picture in divided.inspected if picture.good]
    assert len({*learned, *inspected}) == len(learned) + len(inspected) == 12
    return set(learned), set(inspected)


@pytest.mark.parametrize(("share", "learned"), [(2 / 3, 8), (0.5, 6), (0.9, 11)])
def test_the_wanted_share_is_learned_and_every_other_good_picture_inspected(
    pictures: list[LabelledPicture], share: float, learned: int
) -> None:
    assert [len(side) for side in good_names(pictures, 0, design(share))] == [learned, 12 - learned]


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_learned_or_inspected_whole(pictures: list[LabelledPicture], seed: int) -> None:
    learned, inspected = good_names(pictures, seed, design(group="part([0-9])"))
    assert len(learned) == 8
    assert not {name[:5] for name in learned} & {name[:5] for name in inspected}


def test_a_seed_gives_one_split_and_another_seed_another(pictures: list[LabelledPicture]) -> None:
    assert good_names(pictures, 0, design()) == good_names(pictures, 0, design())
    assert len({frozenset(good_names(pictures, seed, design())[0]) for seed in range(4)}) == 4


def test_the_halves_of_the_defective_pictures_share_none_and_miss_none(pictures: list[LabelledPicture]) -> None:
    inspected = {half: divided_by(pictures, 0, design(half=half)).inspected for half in ("all", "even", "odd")}
    defective = {half: {p.path for p in chosen if not p.good} for half, chosen in inspected.items()}
    assert defective["even"] | defective["odd"] == defective["all"]
    assert not defective["even"] & defective["odd"]
    kinds = {half: Counter(p.kind for p in chosen if not p.good) for half, chosen in inspected.items()}
    assert kinds == {
        "all": {"crack": 5, "stain": 4},
        "even": {"crack": 3, "stain": 2},
        "odd": {"crack": 2, "stain": 2},
    }
    good = [{p.path for p in chosen if p.good} for chosen in inspected.values()]
    assert good[0] == good[1] == good[2]


@pytest.fixture(scope="module")
def exposures(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledPicture]:
    """Ten good sheets, three times each, in other light; their names tell nothing."""
    root = tmp_path_factory.mktemp("exposures")
    (root / "good").mkdir()
    for index in range(30):
        sheet = paper(index % 10, 128, 128) * (0.8 + 0.1 * (index // 10))
        cv2.imwrite(str(root / "good" / f"{index:02}.png"), sheet)
    return find_pictures(root)


@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_one_sheet_are_all_learned_or_all_inspected(exposures: list[LabelledPicture], seed: int) -> None:
    divided = divided_by(exposures, seed, design(0.7))
    learned = {int(picture.path.stem) % 10 for picture in divided.learned}
    inspected = {int(picture.path.stem) % 10 for picture in divided.inspected}
    assert (len(learned), len(inspected)) == (7, 3)
    assert not learned & inspected
    assert not divided.seen


def test_mixed_they_are_drawn_one_by_one(exposures: list[LabelledPicture]) -> None:
    divided = divided_by(exposures, 0, replace(design(0.7), mixed=True))
    learned, inspected = ({int(each.path.stem) % 10 for each in some} for some in (divided.learned, divided.inspected))
    assert learned & inspected


def test_a_single_group_cannot_be_divided(pictures: list[LabelledPicture]) -> None:
    with pytest.raises(PictureError, match="one group of good pictures"):
        divided_by(pictures, 0, design(group="part"))


@pytest.mark.parametrize(("share", "purpose"), [(0.01, "to learn"), (0.99, "to inspect")])
def test_a_share_that_leaves_one_side_empty_is_refused(
    pictures: list[LabelledPicture], share: float, purpose: str
) -> None:
    with pytest.raises(PictureError, match=f"--train {share}: leaves no good picture {purpose}"):
        divided_by(pictures, 0, design(share, group="part([0-9])"))
