from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from engines.builds import Runtime
from engines.cuda.driver import CudaDriver, DeviceInfo
from engines.cuda.opening import CudaPackage
from engines.errors import EngineError
from inspectd.doctor import tensorrt
from inspectd.doctor.findings import Level
from inspectd.doctor.gpu import Graphics, read_graphics
from inspectd.doctor.needs import Needs, needs_of
from inspectd.doctor.packages import Package, installed, read_package
from inspectd.doctor.tensorrt import MODULES, WHEELS, Stack, judge_cuda, judge_stack, read_stack
from inspectd.settings import make_settings
from tests.inspectd.doctor.test_gpu import A2000, DEBIAN, JETSON

CUDA_12 = Graphics((A2000,), "570.133.20", card=True)
CUDA_13 = Graphics((A2000,), "580.65.06", card=True)
NEEDS_TENSORRT = Needs(runtime=Runtime.TENSORRT, cuda="cuda-core")


def stack(made_for: dict[Runtime, int] | None = None, **versions: str) -> Stack:
    """The packages named by module, with `_` for a dot; the others are not there."""
    packages = {part: Package(module, versions.get(module.replace(".", "_"), "")) for part, module in MODULES.items()}
    return Stack(packages, made_for or {})


def test_nothing_needed_and_no_gpu_is_nothing_to_tell() -> None:
    assert list(judge_stack(stack(), Graphics(), DEBIAN, Needs())) == []


def test_a_gpu_that_lies_idle_is_a_note() -> None:
    *_, finding = judge_stack(stack(cuda_core="1.2.2"), CUDA_13, DEBIAN, Needs())
    assert finding.level is Level.NOTE
    assert finding.way_out == "pip install 'inspectd[gpu]'"


def test_what_is_needed_and_missing_is_a_problem_with_the_command_for_this_driver() -> None:
    findings = list(judge_stack(stack(), CUDA_12, DEBIAN, NEEDS_TENSORRT))
    assert [(finding.level, finding.text) for finding in findings] == [
        (Level.PROBLEM, "TensorRT is not installed"),
        (Level.PROBLEM, "cuda-core is not installed"),
    ]
    assert {finding.way_out for finding in findings} == {"pip install 'inspectd[gpu-cu12]'"}
    rtx = list(judge_stack(stack(), CUDA_13, DEBIAN, Needs(runtime=Runtime.TENSORRT_RTX, cuda="pycuda")))
    assert [finding.text for finding in rtx] == ["TensorRT-RTX is not installed", "pycuda is not installed"]
    assert rtx[0].way_out == "pip install 'inspectd[rtx]'"


def test_on_a_jetson_tensorrt_comes_with_jetpack() -> None:
    needs = Needs(runtime=Runtime.TENSORRT, cuda="pycuda")
    found, missing = sorted(
        judge_stack(stack(pycuda_driver="2025.1"), CUDA_12, JETSON, needs), key=lambda one: one.level
    )
    assert found.text == "pycuda 2025.1"
    assert "nvidia-jetpack" in missing.way_out
    assert "--system-site-packages" in missing.way_out


def test_wheels_for_a_newer_cuda_than_the_driver_runs() -> None:
    there = stack({Runtime.TENSORRT: 13}, tensorrt="11.4.0", cuda_core="1.2.2")
    *_, finding = judge_stack(there, CUDA_12, DEBIAN, NEEDS_TENSORRT)
    assert finding.level is Level.PROBLEM
    assert finding.text == "TensorRT here is made for CUDA 13; driver 570.133.20 runs CUDA 12"
    assert all(finding.level is Level.OK for finding in judge_stack(there, CUDA_13, DEBIAN, NEEDS_TENSORRT))


def test_a_package_is_found_loaded_or_told_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sound_one.py").write_text("print('hello'); __version__ = '1.2'")
    (tmp_path / "broken_one.py").write_text("import ctypes; ctypes.CDLL('libnvinfer.so.99')")
    (tmp_path / "fatal_one.py").write_text("import os; os.abort()")
    assert read_package("sound_one") == Package("sound_one", version="1.2")
    (tmp_path / "shy_one.py").write_text("")
    assert read_package("shy_one").version == "of an unknown version"
    assert read_package("broken_one").error.startswith("OSError: libnvinfer.so.99: cannot open")
    assert read_package("fatal_one").error == "loading it ended with exit code -6"
    assert read_package("no_such_one.at_all") == Package("no_such_one.at_all")


def test_what_is_installed_here_is_read() -> None:
    found = read_stack()
    rtx = found.packages[Runtime.TENSORRT_RTX]
    wheel_here = any(installed(wheel) for wheel in WHEELS[Runtime.TENSORRT_RTX].values())
    assert bool(rtx.version) == wheel_here
    assert (Runtime.TENSORRT_RTX in found.made_for) == wheel_here
    assert bool(found.packages[CudaPackage.CUDA_CORE].version) == bool(installed("cuda-core"))


def test_what_a_configuration_needs() -> None:
    document: dict[str, Any] = {"model": {"bundle": "b"}, "cameras": {"web": {"source": "rtsps://camera.example/1"}}}
    on_the_cpu = needs_of(make_settings(document, origin="test"))
    assert (on_the_cpu.gpu, on_the_cpu.cuda) == (False, "")
    assert on_the_cpu.sources_of({"rtsp"}) == ("rtsps://camera.example/1",)
    document["engine"] = {"runtime": "tensorrt", "cuda": "pycuda", "device": 1}
    on_the_gpu = needs_of(make_settings(document, origin="test"))
    assert (on_the_gpu.gpu, on_the_gpu.cuda, on_the_gpu.device) == (True, "pycuda", 1)


class Opened:
    """A driver as far as the doctor looks at one."""

    info = DeviceInfo("NVIDIA RTX A2000", "8.6", "13.0", 6 * 2**30)
    compiled = closed = False

    def attached(self) -> nullcontext[None]:
        return nullcontext()

    def kernel(self, source: str, name: str) -> None:
        self.compiled = name in source

    def close(self) -> None:
        self.closed = True


def test_a_package_that_reaches_the_gpu_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened()

    def open_driver(package: CudaPackage, device: int) -> CudaDriver:
        if package is CudaPackage.PYCUDA:
            raise EngineError(f"no GPU {device}: CUDA_ERROR_NO_DEVICE")
        return cast(CudaDriver, opened)

    monkeypatch.setattr(tensorrt, "open_driver", open_driver)
    findings = list(judge_cuda(stack(cuda_core="1.2.2", pycuda_driver="2025.1"), NEEDS_TENSORRT))
    assert [finding.level for finding in findings] == [Level.OK, Level.NOTE]
    assert findings[0].text == "cuda-core uses NVIDIA RTX A2000, compute capability 8.6"
    assert opened.compiled
    assert opened.closed
    needs_pycuda = Needs(runtime=Runtime.TENSORRT, cuda="pycuda")
    assert [finding.level for finding in judge_cuda(stack(pycuda_driver="2025.1"), needs_pycuda)] == [Level.PROBLEM]


def test_the_packages_here_reach_a_gpu_or_say_why_not() -> None:
    there = read_stack()
    found = list(judge_cuda(there, NEEDS_TENSORRT))
    assert len(found) == sum(bool(there.packages[package].version) for package in CudaPackage)
    if not read_graphics().gpus:
        assert all(finding.level is not Level.OK for finding in found)
