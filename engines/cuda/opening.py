"""Opening a GPU through the driver package that the configuration names."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from engines.cuda.driver import CudaDriver
from engines.errors import EngineError


class CudaPackage(StrEnum):
    """The Python package that calls CUDA."""

    CUDA_CORE = "cuda-core"
    PYCUDA = "pycuda"


def open_driver(package: CudaPackage, device: int) -> CudaDriver:
    """Open GPU number `device`, counted as CUDA does.

    Raises:
        EngineError: the package is not installed, or there is no such GPU or no driver for it.
    """
    try:
        opened = _class_of(package)
    except ImportError as error:
        raise EngineError(
            f"engine.cuda = {package.value!r}: the package cannot be loaded ({error}); "
            "see docs/gpu.md for installing it"
        ) from error
    return opened(device)


def _class_of(package: CudaPackage) -> Callable[[int], CudaDriver]:
    if package is CudaPackage.PYCUDA:
        from engines.cuda.pycuda import PycudaDriver  # noqa: PLC0415 - a package is loaded only where it is asked for

        return PycudaDriver
    from engines.cuda.cuda_core import CudaCoreDriver  # noqa: PLC0415 - likewise

    return CudaCoreDriver
