"""`inspectd-train fit` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytestmark = pytest.mark.train

import torch  # noqa: E402

from engines.bundle import Bundle, open_bundle  # noqa: E402
from engines.onnx import OnnxEngine  # noqa: E402
from tests.tools.fit.conftest import Fit, Write, paper  # noqa: E402

Fitted = tuple[Bundle, subprocess.CompletedProcess[str], Path]
TIMEOUT_S = 300


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A bundle of sheets of 160×128 px, with a dark scratch on some that were given as defects; the command is run as
    it is typed, in a process of its own."""
    root = tmp_path_factory.mktemp("fit")
    for folder in ("web/good", "web/scratch"):
        (root / folder).mkdir(parents=True)
    for seed in range(16):
        cv2.imwrite(str(root / f"web/good/{seed}.png"), paper(seed, 128, 160))
    for seed in range(4):
        spoilt = paper(100 + seed, 128, 160)
        cv2.line(spoilt, (20, 30 + 10 * seed), (140, 90), (10, 10, 10), 4)
        cv2.imwrite(str(root / f"web/scratch/{seed}.png"), spoilt)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.cli", "fit", "--good", root / "web/good", "--defects", root / "web"),
            *("--out", root / "bundles", "--json", root / "fit.json", "--cache", root / "cache"),
            *("--mm-per-px", "0.25", "--tile", "96", "--synthetic", "100", "--beside", "mahalanobis"),
        ],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return open_bundle(Path(done.stdout.strip())), done, root


def test_the_bundle_opens_is_small_and_says_what_it_is(fitted: Fitted) -> None:
    bundle, _, _ = fitted
    assert bundle.surface == "web"
    assert sum(file.stat().st_size for file in bundle.path.rglob("*") if file.is_file()) < 8e6
    assert bundle.manifest.backbone.weights_source.startswith("package:")
    assert bundle.manifest.mm_per_px == 0.25
    assert bundle.manifest.training.held_out_pictures == len(bundle.calibration.held_out_scores) == 4
    assert bundle.manifest.training.pictures == 12


def test_real_defects_are_told_from_good(fitted: Fitted) -> None:
    bundle, _, _ = fitted
    assert bundle.manifest.figures["defect_image_auroc"] == 1.0


def test_the_last_lines_say_where_everything_is(fitted: Fitted) -> None:
    bundle, done, root = fitted
    for wanted in ("threshold ", "95 % interval", "times ", f"bundle     {bundle.path}", "report.html", "evaluate"):
        assert wanted in done.stderr
    assert re.search(r"held-out synthetic defects: cse [01]\.\d+, mahalanobis [01]\.\d+\.", done.stderr)
    written = json.loads((root / "fit.json").read_text())
    assert written["threshold"] == bundle.calibration.threshold
    assert (bundle.path / "report.html").read_text().lstrip().lower().startswith("<!doctype html")


def test_the_engine_reproduces_torchs_golden_scores_and_verdicts(fitted: Fitted) -> None:
    bundle, _, _ = fitted
    with OnnxEngine(bundle) as engine:
        result = engine.infer(bundle.golden.tiles)
    np.testing.assert_allclose(result.score, bundle.golden.score, rtol=1e-4)
    np.testing.assert_allclose(result.distance.max(axis=(1, 2)), bundle.golden.distance_max, rtol=1e-4)
    threshold = bundle.calibration.threshold
    assert ((result.score >= threshold) == (bundle.golden.score >= threshold)).all()


def test_one_graph_takes_any_number_of_tiles_and_of_centroids(fitted: Fitted) -> None:
    bundle, _, _ = fitted
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(bundle.model, providers=["CPUExecutionProvider"])
    shapes = {each.name: each.shape for each in session.get_inputs()}
    size, cell = bundle.manifest.tile.size, bundle.manifest.tile.cell
    assert shapes["tiles"][1:] == [size, size, 3]
    assert shapes["centroids"][1] == bundle.manifest.embedding
    scores = {}
    for count in (1, 3):
        feed = {"tiles": bundle.golden.tiles[:count], "centroids": bundle.centroids[:7]}
        distance, score = session.run(["distance", "score"], feed)
        assert distance.shape == (count, size // cell, size // cell)
        assert score.shape == (count,)
        scores[count] = score[0]
    assert scores[1] == pytest.approx(scores[3], rel=1e-4)


def test_the_graph_tells_nothing_of_the_machine_it_was_made_on(fitted: Fitted) -> None:
    bundle, _, _ = fitted
    assert b"site-packages" not in bundle.model
    assert str(Path.home()).encode() not in bundle.model
    assert b".py" not in bundle.model


def test_the_same_seed_gives_the_same_centroids(fitted: Fitted, fit: Fit, tmp_path: Path) -> None:
    bundle, _, root = fitted
    again = fit(
        "--good", root / "web/good", "--out", tmp_path / "again", "--tile", 96, "--synthetic", 100, "--beside", "none"
    )
    assert again.returncode == 0, again.stderr
    other = open_bundle(Path(again.stdout.strip()))
    assert other.manifest.method == bundle.manifest.method
    np.testing.assert_allclose(other.centroids, bundle.centroids, atol=1e-5)
    assert other.calibration.threshold == pytest.approx(bundle.calibration.threshold, rel=1e-5)


def test_whoever_photographs_one_spot_again_and_again_is_warned(fit: Fit, tmp_path: Path) -> None:
    sheet, good = paper(0, 200, 260), tmp_path / "good"
    good.mkdir()
    for index in range(12):
        cv2.imwrite(str(good / f"{index}.png"), sheet[index : index + 128, 10 * index : 10 * index + 128])
    done = fit(
        "--good", good, "--out", tmp_path / "out", "--method", "whitened", "--beside", "none", "--synthetic", 100,
        "--tile", 64, "--magnify", 1, "--json", tmp_path / "fit.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning    3 of the 3 held-out pictures show surface that is learned as well" in done.stderr
    (warning,) = json.loads((tmp_path / "fit.json").read_text())["warnings"]
    assert warning in done.stderr.replace("\n", " ")
    assert warning in (Path(done.stdout.strip()) / "report.html").read_text()


def test_one_large_picture_is_enough(fit: Fit, write_papers: Write, tmp_path: Path) -> None:
    good = write_papers("good", 1, 256, 256)
    done = fit(
        "--good", good, "--out", tmp_path / "out", "--method", "whitened", "--beside", "none", "--synthetic", 100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cut into blocks" in done.stderr
    assert "enlarged 2 times" in done.stderr
    bundle = open_bundle(Path(done.stdout.strip()))
    assert bundle.manifest.method == "whitened"
    with OnnxEngine(bundle) as engine:
        side = bundle.manifest.tile.size // bundle.manifest.tile.cell
        assert engine.infer(bundle.golden.tiles).distance.shape[1:] == (side, side)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--good", "empty"], 65, "no picture in this folder"),
        (["--good", "one"], 65, "1 good picture (96×96 px)"),
        (["--good", "black"], 65, "all one grey"),
        (["--good", "cut"], 65, "cut.png: the PNG breaks off"),
        (["--good", "papers", "--defects", "papers"], 65, "the same folder"),
        (["--good", "papers", "--backbone", "efficientnet_b3"], 66, "no weights for backbone efficientnet_b3"),
        (["--good", "papers", "--weights", "gone.pth"], 66, "gone.pth: no such file"),
        (["--good", "papers", "--backbone", "resnet"], 2, "there are tf_efficientnet_lite0"),
        (["--good", "papers", "--tile", "100"], 2, "multiple of 32"),
        (["--good", "papers", "--tile", "64", "--overlap", "1000"], 2, "--overlap 1000"),
        (["--good", "papers", "--group", "num_("], 2, "no regular expression: missing ), unterminated subpattern"),
        (["--good", "papers", "--group", "num_([0-9]+)"], 65, "8 of 8 pictures in papers, the first is 000.png"),
        (["--good", "papers", "--group", "^0"], 65, "all 8 good pictures are of one group, '0'"),
        (["--good", "papers", "--out", "papers/000.png/out"], 73, "cannot be written"),
        (["--good", "papers", "--cache", "papers/000.png/cache"], 73, "--cache papers/000.png/cache: cannot be made"),
        (["--good", "papers", "--method", "cnn"], 2, "there are cse, whitened, patchcore, mahalanobis, cse-published"),
        (["--good", "papers", "--beside", "whitened,cnn"], 2, "--beside 'cnn'"),
        (["--good", "papers", "--synthetic", "10"], 2, "--synthetic '10': 'auto' or a number from 100 to 14400"),
        (["--good", "papers", "--magnify", "3"], 2, "--magnify '3': 'auto', 1, 2 or 4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_with_the_way_out(  # noqa: PLR0917 - fixtures and parameters, given by name
    fit: Fit,
    write_papers: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    said: str,
) -> None:
    write_papers("papers", 8)
    one = write_papers("one", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "black").mkdir()
    cv2.imwrite(str(tmp_path / "black/0.png"), np.zeros((96, 96), np.uint8))
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/cut.png").write_bytes((one / "000.png").read_bytes()[:500])
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in options else ["--out", "out"]
    refused = fit(*options, *out)
    assert refused.returncode == code, refused.stderr
    # Usage errors are framed and wrapped to the terminal's width.
    assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert not list(tmp_path.glob("out/*-*"))


def test_b3_exports_and_runs_alike(fit: Fit, tmp_path: Path, write_papers: Write) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    weights = tmp_path / "b3.pth"
    torch.save(timm.create_model("efficientnet_b3", pretrained=False).state_dict(), weights)
    good = write_papers("good", 8)
    done = fit(
        "--good", good, "--out", tmp_path / "out", "--backbone", "efficientnet_b3", "--weights", weights,
        "--method", "whitened", "--beside", "none", "--synthetic", 100, "--tile", 64,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    bundle = open_bundle(Path(done.stdout.strip()))
    with OnnxEngine(bundle) as engine:
        result = engine.infer(bundle.golden.tiles)
    np.testing.assert_allclose(result.score, bundle.golden.score, rtol=1e-4)
