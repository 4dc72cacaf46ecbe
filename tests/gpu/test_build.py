"""`inspectd-train build` for the GPU of this PC, by whichever TensorRT is installed, and what it built run at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engines.builds import BuildCache, Precision, Runtime
from engines.bundle import open_bundle
from engines.cuda.driver import DeviceInfo
from engines.cuda.opening import CudaPackage, open_driver
from engines.errors import EngineError
from engines.tensorrt_plan import gpu_fingerprint, load_package
from tools.build.command import build
from tools.demo.bundle import shipped_bundle

pytestmark = pytest.mark.gpu

APP = typer.Typer()
APP.command()(build)


@pytest.fixture(scope="module")
def gpu() -> DeviceInfo:
    try:
        driver = open_driver(CudaPackage.CUDA_CORE, 0)
    except EngineError as error:
        pytest.skip(str(error))
    driver.close()
    return driver.info


@pytest.fixture(params=[Runtime.TENSORRT, Runtime.TENSORRT_RTX])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    try:
        load_package(request.param)
    except EngineError as error:
        pytest.skip(str(error))
    return Runtime(request.param)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.FP32])
def test_it_builds_for_this_gpu_and_keeps_what_it_timed(
    gpu: DeviceInfo, runtime: Runtime, precision: Precision, tmp_path: Path
) -> None:
    command = [str(shipped_bundle()), "--runtime", runtime, "--precision", precision, "--cache", str(tmp_path)]
    result = CliRunner().invoke(APP, command)
    assert result.exit_code == 0, result.output
    wanted = gpu_fingerprint(open_bundle(shipped_bundle()), runtime, precision, gpu, max_batch=8)
    built = BuildCache(tmp_path).open(wanted)
    assert built.report["bytes"] == len(built.payload)
    timings = [file.stat().st_size for file in tmp_path.glob("timings/*")]
    assert any(timings) == (runtime is Runtime.TENSORRT)
