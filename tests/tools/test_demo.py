from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspectd.wire.models import Outcome, Reason, Region, Verdict
from tests.bundles import surface_picture
from tools.demo.blemishes import KINDS, draw_blemish
from tools.demo.folder import split_folder
from tools.demo.outcome import Said, match, outcome_words, tally
from tools.demo.picture import choose, write_picture
from tools.demo.scene import Scene, web_scene
from tools.demo.web import web_frames
from tools.errors import PictureError
from tools.evaluate.dataset import LabelledPicture

pytest.importorskip("skimage", reason="the demonstration's photograph comes with scikit-image")


@pytest.mark.parametrize("kind", KINDS)
def test_a_blemish_changes_what_its_mask_says_and_little_else(kind: str) -> None:
    picture = next(iter(web_frames(1, seed=0)))[0]
    for seed in range(10):
        spoilt, mask = draw_blemish(np.random.default_rng(seed), picture, kind)
        changed = np.abs(spoilt.astype(int) - picture) > 20
        assert mask.any()
        assert changed.any()
        outside = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
        assert not (changed & outside).any()


def test_the_web_is_the_same_every_time_and_a_quarter_of_it_is_defective(tmp_path: Path) -> None:
    first, second = (web_scene(tmp_path / name, 12, seed=3) for name in ("a", "b"))
    for name, picture in first.truth.items():
        assert picture.path.read_bytes() == second.truth[name].path.read_bytes()
    assert [name for name, picture in first.truth.items() if not picture.good] == ["0003.png", "0007.png", "0011.png"]


def said(picture: LabelledPicture, outcome: Outcome, *regions: Region, frame: int = 1) -> Said:
    verdict = Verdict(
        publisher="p",
        boot="b",
        journal="j",
        sequence=frame,
        camera="web",
        frame=frame,
        source=picture.path.name,
        surface="s",
        bundle="s-1",
        outcome=outcome,
        reason=Reason.DEADLINE if outcome is Outcome.ERROR else None,
        score={Outcome.PASS: 0.5, Outcome.FAIL: 2.0, Outcome.ERROR: None}[outcome],
        threshold=1.0,
        regions=regions,
        width=480,
        height=480,
        captured_utc="2026-01-01T00:00:00.000000Z",
        captured_monotonic_ns=1,
        decided_utc="2026-01-01T00:00:00.000000Z",
        decided_monotonic_ns=2,
        deadline_ms=1000,
        latency_ms=1,
    )
    return Said(picture, verdict)


def region(x: float, y: float) -> Region:
    return Region(x=x, y=y, width=40, height=40, area=900, centroid_x=x, centroid_y=y, peak=2, peak_x=x, peak_y=y)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return web_scene(tmp_path / "scene", 8, seed=1)


def test_hits_and_false_alarms_are_counted(scene: Scene) -> None:
    pictures = list(scene.truth.values())
    defect = pictures[2]
    truth = defect.truth(480, 480)
    assert truth is not None
    y, x = (int(values.mean()) for values in np.nonzero(truth))
    everything = [
        said(pictures[0], Outcome.PASS, frame=1),
        said(pictures[1], Outcome.FAIL, region(0, 0), frame=2),
        said(defect, Outcome.FAIL, region(max(0, x - 20), max(0, y - 20)), frame=3),
        said(pictures[3], Outcome.ERROR, frame=4),
        said(pictures[6], Outcome.PASS, frame=7),
    ]
    assert tally(everything) == {
        "frames": 5,
        "defective": 2,
        "hits": 1,
        "located": 1,
        "good": 3,
        "false_alarms": 1,
        "errors": 1,
    }
    assert outcome_words(everything).startswith("1 of 2 defective frames found, 1 false alarms on 3 good frames")
    assert [each.picture for each in match(scene, [each.verdict for each in reversed(everything)])] == [
        each.picture for each in everything
    ]


def test_wrong_frames_are_always_in_the_picture(scene: Scene, tmp_path: Path) -> None:
    pictures = list(scene.truth.values())
    everything = [said(picture, Outcome.PASS, frame=index) for index, picture in enumerate(pictures, start=1)]
    chosen = choose(everything, most=5)
    assert [each.verdict.frame for each in chosen if each.wrong] == [3, 7]
    assert len(chosen) == 5
    maps = {1: (np.ones((30, 30), np.float32), 16)}
    write_picture(tmp_path / "out.png", everything, maps)
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None
    assert drawn.shape[0] > 480


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f"{folder.name}-{index}.png"), surface_picture(index))


def test_a_users_folder_is_split_and_left_as_it_is(tmp_path: Path) -> None:
    make_pictures(tmp_path / "mine" / "good", 9)
    make_pictures(tmp_path / "mine" / "hole", 4)
    split = split_folder(tmp_path / "mine", tmp_path / "work", seed=0)
    assert len(list(split.learned.iterdir())) == 6
    kinds = [picture.kind for picture in split.scene.truth.values()]
    assert sorted(kinds) == ["good"] * 3 + ["hole"] * 4
    learned = {path.read_bytes() for path in split.learned.iterdir()}
    inspected = {picture.path.read_bytes() for picture in split.scene.truth.values() if picture.good}
    assert not learned & inspected
    assert len(list((tmp_path / "mine").rglob("*.png"))) == 13


def test_a_plain_folder_holds_good_pictures(tmp_path: Path) -> None:
    make_pictures(tmp_path / "mine", 9)
    split = split_folder(tmp_path / "mine", tmp_path / "work", seed=0)
    assert [picture.kind for picture in split.scene.truth.values()] == ["good"] * 3


def test_too_few_pictures_and_no_folder_are_told(tmp_path: Path) -> None:
    make_pictures(tmp_path / "few", 3)
    with pytest.raises(PictureError, match="3 good pictures; at least 6"):
        split_folder(tmp_path / "few", tmp_path / "a", seed=0)
    with pytest.raises(PictureError, match="no such folder"):
        split_folder(tmp_path / "none", tmp_path / "b", seed=0)
