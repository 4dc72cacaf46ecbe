"""`inspectd-train defects`: one sheet that shows every kind, the same for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bundles import surface_picture
from tests.tools.conftest import Train
from tools.defects.sheet import MOST_PICTURES, cut_good
from tools.errors import PictureError
from tools.method.defects import KINDS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.train


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command as it is typed, in a process of its own."""
    command = [sys.executable, "-m", "tools.cli", "defects", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=environment)


@pytest.fixture
def here(train: Train) -> Train:
    """Runs the command in this process."""
    return partial(train, "defects")


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.replace("│", " ").split())


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Colour and grey pictures, larger and smaller than a tile."""
    folder = tmp_path / "surface" / "good"
    folder.mkdir(parents=True)
    for seed, size in enumerate([(300, 420), (64, 96), (200, 256)]):
        cv2.imwrite(str(folder / f"{seed}.png"), surface_picture(seed, *size)[..., ::-1])
    cv2.imwrite(str(folder / "grey.png"), surface_picture(9, 128, 128)[..., 0])
    return folder


def test_a_sheet_of_every_kind(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    done = run(good.parent, "--out", out, "--count", 2, "--tile", 96)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    sheet = cv2.imread(str(out))
    assert sheet is not None
    assert sheet.shape[0] > 200 * len(KINDS)
    assert 900 < sheet.shape[1] < 1100
    outlined = (sheet == (90, 220, 60)).all(axis=2)
    rows = np.array_split(outlined, len(KINDS))
    assert sum(bool(row.any()) for row in rows) >= len(KINDS) - 1  # blur may be left out on smooth pictures


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(here: Train, good: Path, tmp_path: Path) -> None:
    sheets = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        done = here(good, "--out", tmp_path / f"{name}.png", "--seed", seed, "--kind", "hairline", "--kind", "chip")
        assert done.returncode == 0, done.stderr
        sheets.append((tmp_path / f"{name}.png").read_bytes())
    assert sheets[0] == sheets[1]
    assert sheets[0] != sheets[2]


def test_kinds_that_cannot_be_seen_are_named(here: Train, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    cv2.imwrite(str(tmp_path / "flat" / "0.png"), np.full((64, 64), 128, np.uint8))
    done = here(tmp_path / "flat", "--out", tmp_path / "sheet.png", "--kind", "blur", "--count", 2)
    assert done.returncode == 0, done.stderr
    assert "blur: 2 of 2 could not be seen" in done.stderr
    assert (tmp_path / "sheet.png").exists()


def test_an_unknown_kind_names_the_known_ones(here: Train, good: Path, tmp_path: Path) -> None:
    said = refused(here(good, "--out", tmp_path / "sheet.png", "--kind", "rust"), 2)
    for kind in ("rust", *KINDS):
        assert kind in said


def test_the_sheet_is_a_png(here: Train, good: Path, tmp_path: Path) -> None:
    assert ".png" in refused(here(good, "--out", tmp_path / "sheet.jpg"), 2)


def test_pictures_that_cannot_be_used_are_named(here: Train, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    (tmp_path / "empty").mkdir()
    assert "no picture in this folder" in refused(here(tmp_path / "empty", "--out", out), 65)
    assert "cannot be read" in refused(here(tmp_path / "nowhere", "--out", out), 65)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torn.png").write_bytes(b"no picture")
    assert "torn.png" in refused(here(tmp_path / "broken", "--out", out), 65)
    (tmp_path / "small").mkdir()
    cv2.imwrite(str(tmp_path / "small" / "chip.png"), np.zeros((20, 200), np.uint8))
    assert "200×20 px" in refused(here(tmp_path / "small", "--out", out), 65)


def test_a_sheet_that_cannot_be_written_says_so(here: Train, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(here(good, "--out", tmp_path / "file" / "sheet.png", "--kind", "specks", "--count", 1), 73)
    assert "cannot be written" in said


def test_help_teaches(here: Train) -> None:
    done = here("--help")
    assert done.returncode == 0
    for word in ("--kind", "--count", "--tile", "--seed", "hairline", "good/", "Example"):
        assert word in done.stdout


def test_tiles_are_cut_where_the_seed_says(good: Path) -> None:
    first, again, other = (cut_good(good, 96, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(first) == 4 <= MOST_PICTURES
    assert all(max(tile.shape[:2]) <= 96 for tile in first)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    with pytest.raises(PictureError):
        cut_good(good / "nowhere", 96, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["magnetic_tile", "piped_pa_flr01_tl"])
def test_real_surfaces(here: Train, surfaces: Path, tmp_path: Path, name: str) -> None:
    if not (surfaces / name).is_dir():
        pytest.skip(f"no {name} in {surfaces}")
    done = here(surfaces / name, "--out", tmp_path / "sheet.png", "--count", 3)
    assert done.returncode == 0, done.stderr
    missed = [line for line in done.stderr.splitlines() if "could not be seen" in line]
    assert all(line.startswith("blur") for line in missed)
