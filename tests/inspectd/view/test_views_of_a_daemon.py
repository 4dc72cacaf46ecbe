"""Region of interest, scale and flat field as the user of a daemon meets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.bundle import Bundle
from inspectd.check import check
from inspectd.errors import SettingsError
from inspectd.view.plane import ScaleFile
from tests.bundles import GREY, NOISE, spot, surface_picture
from tests.daemons import Configuration, RunningDaemon

HEIGHT, WIDTH = 160, 320
LEFT_HALF = [[[0, 0], [159, 0], [159, 159], [0, 159]]]


def unevenly_lit(level: float, seed: int) -> NDArray[np.uint8]:
    """H×W×3, grey: a fifth lighter on the left than on average, a fifth darker on the right."""
    noise = np.random.default_rng(seed).integers(-NOISE, NOISE + 1, (HEIGHT, WIDTH))
    lit = np.rint((level + noise) * np.linspace(1.2, 0.8, WIDTH)).astype(np.uint8)
    return np.repeat(lit[..., None], 3, axis=2)


def save(folder: Path, *pictures: NDArray[np.uint8]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures, start=1):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inspectd.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def flat_field(tmp_path: Path) -> Path:
    white = save(tmp_path / "white", *(unevenly_lit(180, seed) for seed in range(20, 26)))
    made = command("flat-field", "--white", white, "--out", tmp_path / "flat.npz")
    assert made.returncode == 0, made.stderr
    assert "320×160 px, 6 white and 0 dark frames" in made.stdout
    return tmp_path / "flat.npz"


@pytest.fixture
def scale(tmp_path: Path) -> Path:
    """Half a millimetre a pixel along, a quarter down."""
    file = ScaleFile(
        width=WIDTH,
        height=HEIGHT,
        homography=((0.5, 0, 0), (0, 0.25, 0), (0, 0, 1)),
        lens=None,
        board="9×6",
        square_mm=10,
        pictures=1,
        error_px=0,
        error_mm=0,
    )
    (tmp_path / "scale.json").write_text(file.model_dump_json())
    return tmp_path / "scale.json"


def test_a_daemon_inspects_what_it_is_to_look_at(bundle: Bundle, tmp_path: Path, flat_field: Path, scale: Path) -> None:
    good = surface_picture(1, HEIGHT, WIDTH)
    web = save(tmp_path / "web", good, spot(good, 64, 64), spot(good, 64, 200), good[:, :-8])
    dim = save(tmp_path / "dim", unevenly_lit(GREY, 1), spot(unevenly_lit(GREY, 2), 64, 240), good[:-8])
    cameras: dict[str, dict[str, object]] = {
        "half": {"source": f"images:{web}", "roi": LEFT_HALF, "scale": str(scale)},
        "dim": {"source": f"images:{dim}"},
        "lit": {"source": f"images:{dim}", "flat_field": str(flat_field)},
    }
    configuration = Configuration(tmp_path, bundle, cameras)
    with RunningDaemon(configuration, "--until-ended") as daemon:
        assert daemon.wait() == 0, daemon.log.read_text()
    said = {
        name: sorted((v for v in configuration.verdicts_in_journal() if v["camera"] == name), key=lambda v: v["frame"])
        for name in cameras
    }
    assert [verdict["outcome"] for verdict in said["half"]] == ["PASS", "FAIL", "PASS", "ERROR"]
    assert [verdict["outcome"] for verdict in said["dim"]][:2] == ["FAIL", "FAIL"]
    assert [verdict["outcome"] for verdict in said["lit"]] == ["PASS", "FAIL", "ERROR"]

    (region,) = said["half"][1]["regions"]
    assert region["centroid_x_mm"] == pytest.approx(region["centroid_x"] * 0.5, abs=0.001)
    assert region["centroid_y_mm"] == pytest.approx(region["centroid_y"] * 0.25, abs=0.001)
    assert region["area_mm2"] == pytest.approx(region["area"] * 0.125, rel=0.001)
    assert said["half"][0]["mm_per_px"] == pytest.approx(0.125**0.5)
    assert said["half"][3]["reason"] == "bad_frame"
    assert "the scale was measured on frames of 320×160 px, this one has 312×160 px" in said["half"][3]["detail"]

    (region,) = said["lit"][1]["regions"]
    assert region["centroid_x"] == pytest.approx(248, abs=4)
    assert said["lit"][2]["reason"] == "bad_frame"
    assert said["lit"][2]["detail"] == (
        "the flat field is for frames of 320×160 px colour, this one has 320×152 px colour"
    )


def test_check_names_what_is_missing_or_does_not_fit(bundle: Bundle, tmp_path: Path, scale: Path) -> None:
    web = save(tmp_path / "web", surface_picture(1, HEIGHT, WIDTH - 8))
    mask = np.full((HEIGHT, WIDTH - 8), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    cameras: dict[str, dict[str, object]] = {
        "gone": {"source": f"images:{web}", "mask": str(tmp_path / "gone.png")},
        "other": {"source": f"images:{web}", "scale": str(scale)},
        "both": {"source": f"images:{web}", "scale": str(scale), "mask": str(tmp_path / "mask.png")},
        "far": {"source": f"images:{web}", "roi": [[[0, 0], [999, 0], [999, 99]]]},
        "well": {"source": f"images:{web}", "mask": str(tmp_path / "mask.png")},
    }
    problems = check(Configuration(tmp_path, bundle, cameras).path).problems
    assert len(problems) == 4
    gone, other, both, far = problems
    assert gone.startswith("cameras.gone.mask = '")
    assert gone.endswith("gone.png': cannot be read: No such file or directory")
    assert "cameras.other.source" in other
    assert "1.png: the scale was measured on frames of 320×160 px, this one has 312×160 px" in other
    assert both.startswith("cameras.both.mask, scale: they are for frames of different sizes")
    assert "mask: 312×160 px, scale: 320×160 px" in both
    assert "roi reaches to x = 999, y = 99; the frame has 312×160 px" in far


def test_a_daemon_that_is_to_look_at_nothing_does_not_start(bundle: Bundle, tmp_path: Path) -> None:
    web = save(tmp_path / "web", surface_picture(1, HEIGHT, WIDTH))
    cv2.imwrite(str(tmp_path / "mask.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    camera = {"source": f"images:{web}", "mask": str(tmp_path / "mask.png")}
    configuration = Configuration(tmp_path, bundle, {"web": camera})
    with RunningDaemon(configuration) as daemon:
        assert daemon.wait() == SettingsError.exit_code
    assert "cameras.web.roi, mask: roi and mask leave nothing of the frame" in daemon.log.read_text()


def test_snap_shows_what_is_inspected_and_record_corrects(bundle: Bundle, tmp_path: Path, flat_field: Path) -> None:
    dim = save(tmp_path / "dim", unevenly_lit(GREY, 1))
    camera = {"source": f"images:{dim}", "flat_field": str(flat_field), "roi": LEFT_HALF}
    path = Configuration(tmp_path, bundle, {"web": camera}).path
    snapped = command("snap", path, "web", "--out", tmp_path / "snap.png")
    assert snapped.returncode == 0, snapped.stderr
    drawn = cv2.imread(str(tmp_path / "snap.png"))
    assert drawn is not None
    assert drawn[100:, 240:].mean() < GREY / 2, "dark where it is not inspected"
    recorded = command("record", path, "web", "--out", tmp_path / "good", "--count", "1")
    assert recorded.returncode == 0, recorded.stderr
    (file,) = (tmp_path / "good").glob("*.png")
    picture = cv2.imread(str(file))
    assert picture is not None
    assert abs(picture[:, :40].mean() - picture[:, -40:].mean()) < 3
