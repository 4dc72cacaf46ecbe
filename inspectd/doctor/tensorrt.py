"""TensorRT and the packages that call CUDA: which are there, and whether they load and reach the GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engines.builds import Runtime
from engines.cuda.driver import DeviceInfo
from engines.cuda.opening import CudaPackage, open_driver
from engines.cuda.tile_kernel import KERNEL_NAME, SOURCE
from engines.errors import EngineError
from inspectd.doctor.findings import Finding, good, lacking
from inspectd.doctor.gpu import Graphics
from inspectd.doctor.machine import Machine
from inspectd.doctor.needs import Needs
from inspectd.doctor.packages import Package, installed, read_package

NAMES = {Runtime.TENSORRT: "TensorRT", Runtime.TENSORRT_RTX: "TensorRT-RTX"}
MODULES: Mapping[Runtime | CudaPackage, str] = {
    Runtime.TENSORRT: "tensorrt",
    Runtime.TENSORRT_RTX: "tensorrt_rtx",
    CudaPackage.CUDA_CORE: "cuda.core",
    CudaPackage.PYCUDA: "pycuda.driver",
}
WHEELS = {
    Runtime.TENSORRT: {13: "tensorrt-cu13-libs", 12: "tensorrt-cu12-libs"},
    Runtime.TENSORRT_RTX: {13: "tensorrt-rtx-cu13-libs", 12: "tensorrt-rtx-cu12-libs"},
}
"""What pip installs for each CUDA; a TensorRT that came otherwise, as JetPack's, is not among them."""
COMPILERS = {
    CudaPackage.CUDA_CORE: "its compiler, NVRTC, comes with cuda-core[cu13] or cuda-core[cu12]: see docs/gpu.md",
    CudaPackage.PYCUDA: "it calls nvcc, which must be on PATH, as by: export PATH=/usr/local/cuda/bin:$PATH",
}


@dataclass(frozen=True)
class Stack:
    """The packages, as they were found."""

    packages: Mapping[Runtime | CudaPackage, Package]
    made_for: Mapping[Runtime, int]
    """Major version of CUDA that a runtime's wheels were made for, where they came as wheels."""


def read_stack() -> Stack:
    """Load every package that is there."""
    return Stack(
        packages={part: read_package(module) for part, module in MODULES.items()},
        made_for={
            runtime: cuda for runtime, wheels in WHEELS.items() for cuda, wheel in wheels.items() if installed(wheel)
        },
    )


def judge_stack(stack: Stack, graphics: Graphics, machine: Machine, needs: Needs) -> Iterator[Finding]:
    """What to say of them."""
    install = how_to_install(graphics, machine, rtx=needs.runtime is Runtime.TENSORRT_RTX)
    for part, package in stack.packages.items():
        needed = part in {needs.runtime, needs.cuda}
        name = NAMES.get(part, part.value) if isinstance(part, Runtime) else part.value
        if package.version:
            yield good(f"{name} {package.version}")
        elif package.error:
            yield lacking(needed, f"{name} is installed but does not load: {package.error}", install)
        elif needed:
            yield lacking(True, f"{name} is not installed", install)
    yield from _judge_versions(stack, graphics, needs)
    if graphics.gpus and not needs.gpu and not _usable(stack):
        yield lacking(False, "to use the GPU, TensorRT and a package that calls CUDA are needed", install)


def judge_cuda(stack: Stack, needs: Needs) -> Iterator[Finding]:
    """Open the GPU through every package that is there and compile for it; to be called where there is a GPU."""
    for package in CudaPackage:
        if not stack.packages[package].version:
            continue
        try:
            info = _open_and_compile(package, needs.device)
        except EngineError as error:
            yield lacking(package == needs.cuda, f"{package} does not use the GPU: {error}", COMPILERS[package])
        else:
            yield good(f"{package} uses {info.name}, compute capability {info.compute_capability}")


def how_to_install(graphics: Graphics, machine: Machine, *, rtx: bool) -> str:
    """How to get what the GPU path needs on this PC."""
    if machine.jetson_linux:
        return (
            "sudo apt update && sudo apt install nvidia-jetpack, then make the environment so that it sees JetPack's\n"
            "TensorRT: python3 -m venv --system-site-packages .venv; see docs/gpu.md"
        )
    extra = "rtx" if rtx else "gpu"
    return f"pip install 'inspectd[{extra}-cu12]'" if graphics.cuda == 12 else f"pip install 'inspectd[{extra}]'"


def _open_and_compile(package: CudaPackage, device: int) -> DeviceInfo:
    driver = open_driver(package, device)
    try:
        with driver.attached():
            driver.kernel(SOURCE, KERNEL_NAME)
        return driver.info
    finally:
        driver.close()


def _judge_versions(stack: Stack, graphics: Graphics, needs: Needs) -> Iterator[Finding]:
    for runtime, cuda in stack.made_for.items():
        if graphics.cuda is not None and cuda > graphics.cuda:
            yield lacking(
                runtime is needs.runtime,
                f"{NAMES[runtime]} here is made for CUDA {cuda}; driver {graphics.driver} runs CUDA {graphics.cuda}",
                f"install a newer driver, or the packages for CUDA {graphics.cuda}: see docs/gpu.md",
            )


def _usable(stack: Stack) -> bool:
    loaded = {part for part, package in stack.packages.items() if package.version}
    return not loaded.isdisjoint(NAMES) and not loaded.isdisjoint(CudaPackage)
