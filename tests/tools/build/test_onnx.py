from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from engines.bundle import Bundle
from engines.errors import BuildError
from engines.precision.safety import Agreement
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings
from tests.engines.precision.mobile import TILE, mobile_bundle, textured
from tools.build.command import build
from tools.build.gate import Gate
from tools.errors import PictureError

pytest.importorskip("torch", reason="drawing defects needs the training extra")
APP = typer.Typer()
APP.command()(build)


@pytest.fixture(scope="module")
def mobile(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return mobile_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(20):
        pixels = textured(300 + seed, 2 * TILE, 2 * TILE)
        for kind in ("good", "bad"):
            (folder / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{seed}.png"), pixels)
            pixels[10:40, 10:40] = 255
    return folder


def run(bundle: Bundle, cache: Path, *options: object) -> Result:
    common = [bundle.path, "--runtime", "onnx", "--precision", "int8", "--cache", cache, "--threads", 1]
    return CliRunner().invoke(APP, [str(each) for each in (*common, *options)])


def test_what_it_builds_the_daemon_runs(mobile: Bundle, pictures: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = run(mobile, tmp_path, "--images", pictures / "good", "--defective", pictures / "bad", "--json", figures)
    assert result.exit_code == 0, result.output
    report = json.loads(figures.read_text())
    assert report["path"] == result.stdout.splitlines()[-1]
    assert report["gate"]["image_auroc_int8"] >= report["gate"]["image_auroc_fp32"] - 0.002
    assert (report["gate"]["good"], report["gate"]["defective"], report["gate"]["drawn"]) == (10, 20, False)
    assert report["calibration"] == {"pictures": 10, "tiles": 64}
    with make_engine(mobile, EngineSettings(precision="int8", cache=tmp_path, threads=1)) as engine:
        scores = engine.infer(mobile.golden.tiles).score
    assert scores == pytest.approx(mobile.golden.score, rel=0.1)
    assert run(mobile, tmp_path).exit_code == 0, "built already, so no pictures are needed"


def test_without_defective_pictures_defects_are_drawn(mobile: Bundle, pictures: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = run(mobile, tmp_path, "--images", pictures / "good", "--at-most", 12, "--json", figures)
    assert result.exit_code == 0 or "does not judge as float32 does" in str(result.exception)
    told = result.stdout + str(result.exception)
    assert "6 good pictures and 6 drawn defects" in " ".join(told.split())


def test_pictures_are_needed_and_enough_of_them(mobile: Bundle, pictures: Path, tmp_path: Path) -> None:
    result = run(mobile, tmp_path)
    assert isinstance(result.exception, BuildError)
    assert "--images" in str(result.exception)
    result = run(mobile, tmp_path, "--images", pictures / "good", "--at-most", 6)
    assert isinstance(result.exception, PictureError)
    assert "8 or more" in str(result.exception)


def test_a_cpu_builds_int8_alone(mobile: Bundle, tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, [str(mobile.path), "--runtime", "onnx", "--precision", "fp32"])
    assert result.exit_code == 2
    assert "onnx builds int8" in " ".join(result.output.replace("│", " ").split())


class TestGate:
    def gate(self, good: list[float], bad: list[float], *, threshold: float = 5.0) -> Gate:
        full = np.array([1, 2, 3, 4], np.float32), np.array([6, 7, 8, 9], np.float32)
        first, second = (
            Agreement(threshold, a, np.array(b, np.float32)) for a, b in zip(full, (good, bad), strict=True)
        )
        return Gate(first, second, drawn=False)

    def test_the_same_verdicts_and_order_may_judge(self) -> None:
        assert self.gate([1.1, 2.1, 3.1, 4.1], [6.1, 7.1, 8.1, 9.1])

    def test_changed_verdicts_may_not(self) -> None:
        gate = self.gate([1, 2, 3, 5.5], [6, 7, 8, 9])
        assert not gate
        assert gate.loss == 0
        assert "1 of 8 verdicts changed" in str(gate)

    def test_a_lower_auroc_may_not(self) -> None:
        gate = self.gate([1, 2, 3, 5.5], [5.1, 7, 8, 9], threshold=0.5)
        assert not gate
        assert gate.flipped == 0
        assert gate.loss == pytest.approx(1 / 16)

    def test_what_is_not_finite_may_not(self) -> None:
        assert not self.gate([1, 2, 3, float("nan")], [6, 7, 8, 9], threshold=0.5)
