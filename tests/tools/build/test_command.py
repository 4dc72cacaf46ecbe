"""`inspectd-train build` with the real TensorRT-RTX, ahead of time: no GPU is needed."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from engines.builds import BuildCache, Fingerprint, Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import DeviceInfo
from engines.errors import BuildError, EngineError
from engines.tensorrt_plan import gpu_fingerprint
from tests.engines.precision.graphs import TILE, conv_bundle
from tools.build.command import build
from tools.build.pictures import pictures_below
from tools.build.timings import Timings
from tools.errors import PictureError

APP = typer.Typer()
APP.command()(build)

pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX comes as the package tensorrt-rtx, for x86-64 only")


@pytest.fixture(scope="module")
def convolved(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return conv_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Bright and dark ones, in folders, larger than a tile, with masks beside them."""
    rng = np.random.default_rng(3)
    for index in range(6):
        pixels = rng.integers(0, 256 if index % 2 else 64, (2 * TILE, 3 * TILE, 3)).astype(np.uint8)
        for folder in ("good", "ground_truth/good"):
            file = tmp_path / "pictures" / folder / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), pixels)
    return tmp_path / "pictures"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments])


def wanted(bundle: Bundle, target: str, *, precision: Precision = Precision.FP16, max_batch: int = 8) -> Fingerprint:
    """What a daemon on a PC with such a GPU asks for."""
    gpu = DeviceInfo("NVIDIA GeForce RTX 4090", target, "13.0", memory_bytes=24 << 30)
    return gpu_fingerprint(bundle, Runtime.TENSORRT_RTX, precision, gpu, max_batch)


def test_engines_are_built_for_each_target_and_found_by_a_daemon_there(
    convolved: Bundle, pictures: Path, tmp_path: Path
) -> None:
    cache, figures = tmp_path / "cache", tmp_path / "figures.json"
    common = ("--runtime", "tensorrt_rtx", "--cache", cache, "--target", "8.6,12.0")
    result = run(convolved.path, *common, "--images", pictures, "--json", figures)
    assert result.exit_code == 0, result.output
    assert "6 of 6 verdicts equal" in result.output
    built = [BuildCache(cache).open(wanted(convolved, target)) for target in ("8.6", "12.0")]
    assert result.stdout.splitlines()[-2:] == [str(one.path) for one in built]
    for one in built:
        assert one.report["bytes"] == len(one.payload)
        assert {layer["type"] for layer in one.report["layers"] if layer["kind"] == "CONVOLUTION"} == {"HALF"}
        assert one.report["half_precision"]["pictures"]["flipped"] == 0
        assert 0 < one.report["half_precision"]["pictures"]["error_max"] < 0.01
    assert [engine["path"] for engine in json.loads(figures.read_text())["engines"]] == [str(one.path) for one in built]
    with pytest.raises(BuildError, match=r"compute capability .*, this PC has 8\.9"):
        BuildCache(cache).open(wanted(convolved, "8.9"))


def test_what_is_built_is_not_built_again_unless_asked_or_damaged(convolved: Bundle, tmp_path: Path) -> None:
    command = (convolved.path, "--runtime", "tensorrt_rtx", "--cache", tmp_path, "--target", "8.9")
    assert run(*command).exit_code == 0
    cache = BuildCache(tmp_path)
    record = cache.open(wanted(convolved, "8.9")).path / "build.json"
    first = record.stat().st_ino
    assert run(*command).exit_code == 0
    assert record.stat().st_ino == first
    assert run(*command, "--again").exit_code == 0
    assert record.stat().st_ino != first
    (record.parent / "engine.plan").write_bytes(b"")
    assert run(*command).exit_code == 0
    assert cache.open(wanted(convolved, "8.9")).payload


def test_precision_and_batches_make_engines_of_their_own(convolved: Bundle, tmp_path: Path) -> None:
    command = (convolved.path, "--runtime", "tensorrt_rtx", "--cache", tmp_path, "--target", "8.9")
    result = run(*command, "--precision", "fp32", "--max-batch", 4)
    assert result.exit_code == 0, result.output
    built = BuildCache(tmp_path).open(wanted(convolved, "8.9", precision=Precision.FP32, max_batch=4))
    assert {layer["type"] for layer in built.report["layers"] if layer["kind"] == "CONVOLUTION"} == {"FLOAT"}
    assert built.report["half_precision"] is None


def test_a_bundle_that_overflows_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    bundle = conv_bundle(tmp_path / "bundles", gain=4e4)
    result = run(bundle.path, "--runtime", "tensorrt_rtx", "--cache", tmp_path / "cache", "--target", "8.6")
    assert isinstance(result.exception, BuildError)
    assert "exceeds 65504" in str(result.exception)
    assert not (tmp_path / "cache").exists()


def test_without_a_gpu_a_target_must_be_named(
    convolved: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_gpu(_package: object, _device: int) -> None:
        raise EngineError("no CUDA device")

    monkeypatch.setattr("tools.build.tensorrt.open_driver", no_gpu)
    result = run(convolved.path, "--runtime", "tensorrt_rtx", "--cache", tmp_path)
    assert isinstance(result.exception, EngineError)
    assert str(result.exception) == "no GPU to build for: no CUDA device; name --target to build ahead of time"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--runtime", "tensorrt_rtx", "--target", "ampere"), "as in 8.6,8.9,12.0"),
        (("--runtime", "tensorrt_rtx", "--precision", "int8"), "build fp16 and fp32"),
    ],
)
def test_wrong_options_are_told(convolved: Bundle, options: tuple[str, ...], message: str) -> None:
    result = run(convolved.path, *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_pictures_are_spread_evenly_and_masks_are_none_of_them(pictures: Path, tmp_path: Path) -> None:
    assert [file.name for file in pictures_below(pictures, None)] == [f"{index}.png" for index in range(6)]
    assert [file.name for file in pictures_below(pictures, 3)] == ["0.png", "2.png", "5.png"]
    with pytest.raises(PictureError, match="no pictures there"):
        pictures_below(tmp_path / "nowhere", None)


def test_timings_are_kept_for_each_gpu(convolved: Bundle, tmp_path: Path) -> None:
    here = wanted(convolved, "8.9").model_copy(update={"runtime": Runtime.TENSORRT, "device": "NVIDIA L4"})
    Timings(tmp_path, here).write(b"measured")
    assert Timings(tmp_path, here).read() == b"measured"
    assert Timings(tmp_path, here.model_copy(update={"device": "NVIDIA L40"})).read() == b""
