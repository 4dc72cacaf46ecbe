from __future__ import annotations

from pathlib import Path

import pytest

from engines.builds import BuildCache, Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.driver import DeviceInfo
from engines.errors import BuildError, EngineError
from engines.onnx import OnnxEngine
from engines.tensorrt import TensorRTEngine
from engines.tensorrt_plan import gpu_fingerprint, load_package
from inspectd.runtimes import CPU_SLOTS, GPU_SLOTS, CachedPlans, make_engine, precision_of
from inspectd.settings import EngineSettings
from tests.engines.recording.driver import RecordingDriver

HERE = DeviceInfo("Recording GPU", "8.6", "13.0", 1 << 33)
"""As the recording driver describes its device."""


def test_the_default_is_the_cpu_in_full_precision(bundle: Bundle) -> None:
    settings = EngineSettings()
    engine = make_engine(bundle, settings)
    assert isinstance(engine, OnnxEngine)
    assert (engine.max_batch, engine.slots) == (settings.max_batch, CPU_SLOTS)
    assert precision_of(settings) is Precision.FP32


@pytest.mark.parametrize("runtime", [Runtime.TENSORRT, Runtime.TENSORRT_RTX])
def test_a_gpu_runs_half_precision_unless_told_otherwise(bundle: Bundle, runtime: Runtime) -> None:
    engine = make_engine(bundle, EngineSettings(runtime=runtime, max_batch=32))
    assert isinstance(engine, TensorRTEngine)
    assert (engine.max_batch, engine.slots) == (32, GPU_SLOTS)
    assert precision_of(EngineSettings(runtime=runtime)) is Precision.FP16
    assert precision_of(EngineSettings(runtime=runtime, precision="fp32")) is Precision.FP32
    assert make_engine(bundle, EngineSettings(runtime=runtime, slots=5)).slots == 5


@pytest.mark.parametrize(
    ("runtime", "precision"), [(Runtime.ONNX, "fp16"), (Runtime.TENSORRT, "int8"), (Runtime.TENSORRT_RTX, "int8")]
)
def test_a_precision_that_the_runtime_has_not_is_refused(runtime: Runtime, precision: str) -> None:
    with pytest.raises(ValueError, match=f"engine.runtime = '{runtime}' does not run it"):
        EngineSettings.model_validate({"runtime": runtime, "precision": precision})


def test_a_package_that_is_not_installed_is_named_with_the_setting(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    with pytest.raises(EngineError, match=r"engine\.runtime = 'tensorrt'.*see docs/gpu\.md"):
        load_package(Runtime.TENSORRT)


@pytest.mark.parametrize("package", ["cuda-core", "pycuda"])
def test_a_cuda_package_that_is_not_installed_is_named_with_the_setting(
    bundle: Bundle, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = __import__("sys").modules
    for name in ("cuda.core", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(modules, name, None)
    for name in ("engines.cuda.cuda_core", "engines.cuda.pycuda"):
        monkeypatch.delitem(modules, name, raising=False)
    settings = EngineSettings(runtime=Runtime.TENSORRT, cuda=package)
    with pytest.raises(EngineError, match=rf"engine\.cuda = '{package}'.*see docs/gpu\.md"):
        make_engine(bundle, settings).activate()


class TestCachedPlans:
    @pytest.fixture(autouse=True)
    def _runtime(self) -> None:
        pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")

    def load(self, bundle: Bundle, cache: Path) -> None:
        driver = RecordingDriver()
        with driver.attached():
            CachedPlans(bundle, EngineSettings(runtime=Runtime.TENSORRT_RTX, cache=cache)).load(driver)

    def test_an_engine_that_was_not_built_is_refused_with_the_command(self, bundle: Bundle, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match=r"inspectd-train build .*--runtime tensorrt_rtx --precision fp16"):
            self.load(bundle, tmp_path)

    def test_an_engine_built_for_another_gpu_is_refused_with_what_differs(self, bundle: Bundle, tmp_path: Path) -> None:
        other = DeviceInfo("Another GPU", "8.9", "13.0", 1 << 33)
        fingerprint = gpu_fingerprint(bundle, Runtime.TENSORRT_RTX, Precision.FP16, other, 8)
        BuildCache(tmp_path).write(fingerprint, b"a plan", {})
        with pytest.raises(BuildError, match=r"compute capability 8\.9, this PC has 8\.6"):
            self.load(bundle, tmp_path)

    def test_a_plan_that_the_runtime_refuses_is_told_with_its_reason(self, bundle: Bundle, tmp_path: Path) -> None:
        fingerprint = gpu_fingerprint(bundle, Runtime.TENSORRT_RTX, Precision.FP16, HERE, 8)
        BuildCache(tmp_path).write(fingerprint, b"a plan that is none", {})
        with pytest.raises(EngineError, match=r"tensorrt_rtx refuses .*tensorrt_rtx-fp16-\w+: .*Error"):
            self.load(bundle, tmp_path)
