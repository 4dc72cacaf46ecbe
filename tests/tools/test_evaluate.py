"""`inspectd-train evaluate` on small sets of pictures, with a real bundle in the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from calib.score import top_mean
from engines.bundle import Bundle
from engines.onnx import OnnxEngine
from tests.bundles import expected_distance, spot, surface_picture
from tools.errors import OutputError, PictureError
from tools.evaluate.command import evaluate
from tools.evaluate.dataset import find_pictures
from tools.inspection import inspect

APP = typer.Typer()
APP.command()(evaluate)


def save(file: Path, pixels: NDArray[np.uint8]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    assert isinstance(result.exception, PictureError), result.output
    assert result.exit_code != 0
    return str(result.exception)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six good pictures, four with a spot (one of them too small to be found), two with a marked stripe."""
    root = tmp_path / "surface"
    for seed in range(6):
        save(root / "good" / f"{seed}.png", surface_picture(seed))
    for seed in range(4):
        size = 16 if seed else 1
        save(root / "spot" / f"{seed}.png", spot(surface_picture(20 + seed), 24, 40, size))
        mask = np.zeros((64, 96), np.uint8)
        mask[24 : 24 + size, 40 : 40 + size] = 255
        save(root / "ground_truth" / "spot" / f"{seed}_mask.png", mask)
    for seed in range(2):
        picture = surface_picture(30 + seed)
        picture[:, 64:80] = 250
        save(root / "stripe" / f"{seed}.png", picture)
    return root


def test_inspection_says_what_the_graph_says(bundle: Bundle) -> None:
    picture = spot(surface_picture(1, 64, 64), 8, 8)
    with OnnxEngine(bundle, threads=1) as engine:
        result = inspect(engine, bundle.manifest.tile, bundle.calibration, picture)
        large = inspect(engine, bundle.manifest.tile, bundle.calibration, surface_picture(2, 333, 501))
    expected = expected_distance(picture[None], bundle.centroids, bundle.manifest.tile.cell)[0]
    np.testing.assert_allclose(result.distance, expected, rtol=1e-3, atol=1e-2)
    assert result.score == top_mean(result.distance, bundle.calibration.top_cells)
    assert large.distance.shape == (42, 63)
    assert large.score < bundle.calibration.threshold


def test_figures_as_json_table_and_pictures(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    out, sheets = tmp_path / "out" / "figures.json", tmp_path / "sheets"
    result = run(bundle.path, "--data", data, "--json", out, "--pictures", sheets)
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    assert (figures["good"], figures["defective"], figures["marked"], figures["regions"]) == (6, 6, 4, 4)
    assert figures["detection"] == pytest.approx(5 / 6)
    assert figures["false_rejects"] == 0.0
    assert figures["false_rejects_interval"] == pytest.approx([0.0, 1 - 0.025 ** (1 / 6)])
    assert figures["target_false_rejects"] == bundle.calibration.target_false_rejects
    assert figures["defects"]["spot"]["detected"] == 3
    assert figures["defects"]["stripe"] == {"pictures": 2, "detected": 2, "detection": 1.0, "image_auroc": 1.0}
    for key in ("image_auroc", "pixel_auroc", "aupro", "frr_at_95", "frr_at_99"):
        assert 0.0 <= figures[key] <= 1.0
    assert figures["image_auroc"] > 0.9
    assert figures["pixel_auroc"] > 0.9
    assert "AUPRO" in result.output
    assert "83.3 %" in result.output
    for name in ("misses.png", "false-alarms.png"):
        sheet = cv2.imread(str(sheets / name))
        assert sheet is not None
        assert sheet.shape[1] > 400


def test_the_layout_of_mvtec(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    mvtec = tmp_path / "mvtec"
    (mvtec / "test").mkdir(parents=True)
    for name in ("good", "spot", "stripe"):
        (data / name).rename(mvtec / "test" / name)
    (data / "ground_truth").rename(mvtec / "ground_truth")
    save(mvtec / "train" / "good" / "0.png", surface_picture(50))
    pictures = find_pictures(mvtec)
    assert [picture.kind for picture in pictures] == ["good"] * 6 + ["spot"] * 4 + ["stripe"] * 2
    assert sum(picture.mask is not None for picture in pictures) == 4
    assert run(bundle.path, "--data", mvtec).exit_code == 0


def test_other_good_pictures_can_be_given(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path / "unseen" / f"{seed}.png", spot(surface_picture(seed), 8, 8))
    out = tmp_path / "figures.json"
    assert run(bundle.path, "--data", data, "--good", tmp_path / "unseen", "--json", out).exit_code == 0
    figures = json.loads(out.read_text())
    assert figures["good"] == 3
    assert figures["false_rejects"] == 1.0


def test_good_pictures_alone_tell_of_false_rejects_alone(bundle: Bundle, tmp_path: Path) -> None:
    save(tmp_path / "data" / "good" / "0.png", surface_picture(0))
    out = tmp_path / "figures.json"
    result = run(bundle.path, "--data", tmp_path / "data", "--json", out)
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    unknown = ("image_auroc", "pixel_auroc", "aupro", "frr_at_95", "frr_at_99", "detection")
    assert [figures[key] for key in unknown] == [None] * 6
    assert figures["false_rejects"] == 0.0
    assert "—" in result.output


def test_without_masks_there_are_no_pixel_figures(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    (data / "ground_truth").rename(tmp_path / "elsewhere")
    out = tmp_path / "figures.json"
    assert run(bundle.path, "--data", data, "--json", out).exit_code == 0
    figures = json.loads(out.read_text())
    assert figures["pixel_auroc"] is None
    assert figures["aupro"] is None
    assert figures["image_auroc"] > 0.9


def test_no_such_folder(bundle: Bundle, tmp_path: Path) -> None:
    assert "no such folder" in refused(run(bundle.path, "--data", tmp_path / "nowhere"))


@pytest.mark.parametrize("folder", ["spot", "good"])
def test_no_good_pictures(bundle: Bundle, tmp_path: Path, folder: str) -> None:
    (tmp_path / "data" / folder).mkdir(parents=True)
    assert "good" in refused(run(bundle.path, "--data", tmp_path / "data"))


def test_a_mask_of_another_size_is_named(bundle: Bundle, data: Path) -> None:
    save(data / "ground_truth" / "spot" / "2_mask.png", np.full((32, 32), 255, np.uint8))
    message = refused(run(bundle.path, "--data", data))
    assert "2_mask.png" in message
    assert "32×32" in message
    assert "96×64" in message


def test_an_empty_mask_is_named(bundle: Bundle, data: Path) -> None:
    save(data / "ground_truth" / "spot" / "2_mask.png", np.zeros((64, 96), np.uint8))
    assert "marks nothing" in refused(run(bundle.path, "--data", data))


def test_a_truncated_picture_is_named(bundle: Bundle, data: Path) -> None:
    file = data / "stripe" / "1.png"
    file.write_bytes(file.read_bytes()[:300])
    assert "stripe/1.png" in refused(run(bundle.path, "--data", data))


def test_figures_that_cannot_be_written_are_told(bundle: Bundle, data: Path) -> None:
    result = run(bundle.path, "--data", data, "--json", data / "good" / "0.png" / "figures.json")
    assert isinstance(result.exception, OutputError)
    assert "--json" in str(result.exception)
