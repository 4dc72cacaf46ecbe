"""What the GPU is asked through, where there is one; every test that cannot run says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from engines.builds import Precision, Runtime
from engines.bundle import Bundle
from engines.cuda.opening import CudaPackage, open_driver
from engines.errors import EngineError
from engines.tensorrt import TensorRTEngine
from engines.tensorrt_plan import load_package
from inspectd.runtimes import make_engine
from inspectd.settings import EngineSettings
from tools.build.options import BuildOptions, GpuOptions
from tools.build.tensorrt import build_tensorrt

MakeEngine = Callable[..., TensorRTEngine]


@pytest.fixture(scope="session", params=list(CudaPackage))
def cuda(request: pytest.FixtureRequest) -> CudaPackage:
    """Each package that calls CUDA."""
    try:
        open_driver(request.param, 0).close()
    except EngineError as error:
        pytest.skip(str(error))
    return CudaPackage(request.param)


@pytest.fixture(scope="session", params=[Runtime.TENSORRT, Runtime.TENSORRT_RTX])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime for a GPU."""
    try:
        load_package(request.param)
    except EngineError as error:
        pytest.skip(str(error))
    return Runtime(request.param)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the engines built for these tests."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture
def gpu_engine(cuda: CudaPackage, runtime: Runtime, cache: Path) -> MakeEngine:
    """Makes the engine that the daemon would, after building what it needs: `built_from` is what the plan is of."""

    def make(
        bundle: Bundle,
        precision: Precision,
        *,
        max_batch: int = 8,
        slots: int = 3,
        built_from: Bundle | None = None,
    ) -> TensorRTEngine:
        options = BuildOptions(precision, max_batch, cache, images=None, at_most=None, threads=0, again=False)
        build_tensorrt(Console(quiet=True), built_from or bundle, runtime, options, GpuOptions((), cuda, device=0))
        settings = EngineSettings(
            runtime=runtime, precision=precision.value, cache=cache, cuda=cuda, max_batch=max_batch, slots=slots
        )
        engine = make_engine(bundle, settings)
        assert isinstance(engine, TensorRTEngine)
        return engine

    return make
