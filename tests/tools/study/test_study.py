"""`inspectd-train study` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from tests.tools.fit.conftest import paper  # noqa: E402 - after the check for torch
from tools.cli import main  # noqa: E402

SIDE = 72


def write_surface(root: Path) -> Path:
    """Twelve good sheets, two with a dark scratch and two with a bright spot, the spots marked."""
    for folder in ("good", "scratch", "spot", "ground_truth/spot"):
        (root / folder).mkdir(parents=True)
    for seed in range(12):
        cv2.imwrite(str(root / f"good/{seed}.png"), paper(seed, SIDE, SIDE))
    for seed in range(2):
        scratched, spotted = paper(20 + seed, SIDE, SIDE), paper(30 + seed, SIDE, SIDE)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.line(scratched, (10, 20 + 10 * seed), (60, 55), (10, 10, 10), 3)
        for canvas in (spotted, mask):
            cv2.circle(canvas, (30 + 10 * seed, 36), 7, (255, 255, 255), -1)
        cv2.imwrite(str(root / f"scratch/{seed}.png"), scratched)
        cv2.imwrite(str(root / f"spot/{seed}.png"), spotted)
        cv2.imwrite(str(root / f"ground_truth/spot/{seed}_mask.png"), mask)
    return root


def run_study(*options: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["inspectd-train", "study", *map(str, options)])
        main()


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a study of two methods with one seed has written, of sheets resized and cropped."""
    root = tmp_path_factory.mktemp("study")
    with pytest.raises(SystemExit) as ended:
        run_study(
            "--data", write_surface(root / "sheets"), "--out", root / "out", "--cache", root / "cache",
            "--methods", "whitened, patchcore,whitened", "--seeds", "3,3", "--view", "72-crop-64", "--pictures",
        )  # fmt: skip
    assert ended.value.code == 0
    return root / "out"


def results(studied: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((studied / "study.json").read_text())["results"]
    return found


def test_every_method_has_inspected_what_no_method_has_learned(studied: Path) -> None:
    rows = results(studied)
    assert [(row["surface"], row["method"], row["seed"]) for row in rows] == [
        ("sheets 72-crop-64", "whitened", 3),
        ("sheets 72-crop-64", "patchcore", 3),
    ]
    assert all((row["good"], row["defective"]) == (4, 4) for row in rows)


def test_defects_that_can_hardly_be_missed_are_found_and_placed(studied: Path) -> None:
    for row in results(studied):
        assert row["image AUROC"] > 0.9
        assert row["pixel AUROC"] > 0.9
        assert row["by defect"]["spot"] == 1.0


def test_the_table_names_command_surface_and_methods(studied: Path) -> None:
    table = (studied / "study.md").read_text()
    assert "Made by `inspectd-train study --data " in table
    assert "| surface | whitened | patchcore |" in table
    assert "| sheets 72-crop-64 | spot |" in table
    assert "`cse` was not run." in table


def test_the_plot_and_the_contact_sheets_are_pictures(studied: Path) -> None:
    sheets = [f"pictures/sheets-72-crop-64/{method}-3/misses.png" for method in ("whitened", "patchcore")]
    for name in ("study.png", *sheets):
        drawn = cv2.imread(str(studied / name))
        assert drawn is not None, name
        assert drawn.std() > 5


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--methods", "whitened,cnn"], 2, "some of cse, whitened, patchcore, mahalanobis, cse-published"),
        (["--methods", ","], 2, "separated by commas"),
        (["--seeds", "0,x"], 2, "--seeds '0,x': numbers from 0 on"),
        (["--seeds", "0,-1"], 2, "--seeds '0,-1': numbers from 0 on"),
        (["--view", "224-crop-256"], 2, "as in '256-crop-224'"),
        (["--half", "third"], 2, "one of all, even, odd"),
        (["--group", "num_("], 2, "no regular expression"),
        (["--backbone", "resnet"], 2, "there are tf_efficientnet_lite0"),
        (["--data", "sheets", "--data", "other/sheets"], 2, "two folders are named 'sheets'"),
        (["--data", "nowhere"], 65, "nowhere: no such folder"),
        (["--group", "png"], 65, "sheets/good: one group of good pictures"),
        (["--out", "sheets/good/0.png/out"], 73, "cannot be made"),
        (["--cache", "sheets/good/0.png/cache"], 73, "--cache sheets/good/0.png/cache: cannot be made"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_with_the_way_out(  # noqa: PLR0917 - fixtures and parameters, given by name
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    said: str,
) -> None:
    for seed in range(8):
        file = tmp_path / f"sheets/good/{seed}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), paper(seed, 64, 64))
    monkeypatch.chdir(tmp_path)
    defaults = {"--data": "sheets", "--out": "out", "--cache": "cache", "--seeds": "0"}
    others = [each for pair in defaults.items() if pair[0] not in options for each in pair]
    with pytest.raises(SystemExit) as ended:
        run_study(*options, *others)
    told = capsys.readouterr().err
    assert ended.value.code == code, told
    assert said in " ".join(told.replace("│", " ").split())
    assert not list(tmp_path.glob("out/*"))
