"""The driver packages really called: on a CUDA driver library that is none, in a process that loads it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engines.cuda.opening import CudaPackage

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the fake libcuda.so.1."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ here to compile the fake CUDA driver")
    folder = tmp_path_factory.mktemp("fake")
    exported = folder / "exported"
    exported.write_text("{ global: cu*; fake_*; local: *; };")  # other libraries would find what is not hidden
    subprocess.run(
        [
            *(compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *(f"-Wl,--version-script={exported}", f"-I{ROOT / 'engines' / 'cuda'}", f"-I{HERE}"),
            *(str(HERE / "fake_libcuda.cpp"), "-o", str(folder / "libcuda.so.1")),
        ],
        check=True,
    )
    return folder


def run_suite(library: Path, package: CudaPackage, *more_paths: Path) -> None:
    paths = [*map(str, more_paths), *filter(None, [os.environ.get("PYTHONPATH")])]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "fake_driver_suite.py")],
        env={
            **os.environ,
            "LD_LIBRARY_PATH": str(library),
            "INSPECTD_TEST_CUDA": package.value,
            "PYTHONPATH": os.pathsep.join(paths),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


def test_the_engine_keeps_its_contract_on_cuda_core(library: Path) -> None:
    pytest.importorskip("cuda.core", reason="cuda-core is not installed")
    run_suite(library, CudaPackage.CUDA_CORE)


def test_the_engine_keeps_its_contract_on_pycuda_as_it_is_documented(library: Path) -> None:
    run_suite(library, CudaPackage.PYCUDA, HERE / "stand_in")
