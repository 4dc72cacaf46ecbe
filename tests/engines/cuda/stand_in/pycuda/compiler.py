"""`pycuda.compiler`: it calls nvcc."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from pycuda.driver import CompileError, Function, _call, _in_a_context


class SourceModule:
    """nvcc's part is played by looking for the kernel's head."""

    def __init__(  # noqa: PLR0917 - pycuda's signature
        self,
        source: str,
        nvcc: str = "nvcc",
        options: Sequence[str] | None = None,
        keep: bool = False,
        no_extern_c: bool = False,
        arch: str | None = None,
        code: str | None = None,
        cache_dir: str | None = None,
        include_dirs: Sequence[str] | None = None,
    ) -> None:
        _in_a_context()
        assert (nvcc, options, keep, code, cache_dir, include_dirs) == ("nvcc", None, False, None, None, None)
        assert no_extern_c, "the source declares it itself"
        assert arch == "sm_86"
        if "cut_tiles(" not in source:
            raise CompileError("nvcc compilation failed")

    def get_function(self, name: str) -> Function:
        """By its name."""
        made = ctypes.c_void_p()
        _call("cuLibraryGetKernel", ctypes.byref(made), None, name.encode())
        return Function(made)
