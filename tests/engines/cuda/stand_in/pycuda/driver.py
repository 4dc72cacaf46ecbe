"""`pycuda.driver`. As in pycuda, what depends on a context can only be made while one is pushed."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

_library = ctypes.CDLL("libcuda.so.1")
_pushed: list[Context] = []


class Error(Exception):
    """Any driver error."""


class MemoryError(Error):  # noqa: A001 - pycuda's name for it
    """CUDA_ERROR_OUT_OF_MEMORY."""


class LogicError(Error):
    """Most others."""


class LaunchError(Error):
    """CUDA_ERROR_LAUNCH_FAILED and its like."""


class CompileError(Error):
    """nvcc refuses the source."""


class event_flags:  # noqa: N801 - pycuda's name for it
    """`CUevent_flags`."""

    DISABLE_TIMING = 2


def _call(function: str, *arguments: Any) -> None:
    code = getattr(_library, function)(*arguments)
    if code:
        words = ctypes.c_char_p()
        _library.cuGetErrorString(code, ctypes.byref(words))
        kind = {2: MemoryError, 719: LaunchError}.get(code, LogicError)
        raise kind(f"{function} failed: {(words.value or b'').decode()}")


def _in_a_context() -> None:
    if not _pushed:
        raise LogicError("context_dependent failed: invalid device context - no currently active context?")


def init(flags: int = 0) -> None:
    """cuInit."""
    _call("cuInit", flags)


def get_driver_version() -> int:
    """As 13000."""
    version = ctypes.c_int()
    _call("cuDriverGetVersion", ctypes.byref(version))
    return version.value


class Context:
    """Made by `Device.retain_primary_context`."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def push(self) -> None:
        """For this thread."""
        _call("cuCtxPushCurrent", self._handle)
        _pushed.append(self)

    @staticmethod
    def pop() -> None:
        """The last one pushed."""
        if not _pushed:
            raise LogicError("context::pop failed: invalid device context - cannot pop non-current context")
        _pushed.pop()

    def detach(self) -> None:
        """Let go of it; a pushed one is popped by that."""
        if self in _pushed:
            _pushed.remove(self)


class Device:
    """By its number."""

    def __init__(self, number: int) -> None:
        self._handle = ctypes.c_int()
        _call("cuDeviceGet", ctypes.byref(self._handle), number)

    def name(self) -> str:
        """Of the GPU."""
        text = ctypes.create_string_buffer(100)
        _call("cuDeviceGetName", text, 100, self._handle)
        return text.value.decode()

    def compute_capability(self) -> tuple[int, int]:
        """Major and minor."""
        numbers = [ctypes.c_int(), ctypes.c_int()]
        for number, attribute in zip(numbers, (75, 76), strict=True):
            _call("cuDeviceGetAttribute", ctypes.byref(number), attribute, self._handle)
        return numbers[0].value, numbers[1].value

    def total_memory(self) -> int:
        """Bytes."""
        return 1 << 33

    def retain_primary_context(self) -> Context:
        """Not pushed."""
        made = ctypes.c_void_p()
        _call("cuDevicePrimaryCtxRetain", ctypes.byref(made), self._handle)
        return Context(made)


class DeviceAllocation:
    """Made by `mem_alloc`."""

    def __init__(self, address: int) -> None:
        self._address = address

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        """At once."""
        _call("cuMemFree", ctypes.c_uint64(self._address))


def mem_alloc(bytes: int) -> DeviceAllocation:  # noqa: A002 - pycuda's name for it
    """Linear memory."""
    _in_a_context()
    made = ctypes.c_uint64()
    _call("cuMemAlloc", ctypes.byref(made), ctypes.c_size_t(bytes))
    return DeviceAllocation(made.value)


class PagelockedHostAllocation:
    """The base of an array that `pagelocked_empty` made."""

    def __init__(self, size: int) -> None:
        self._made = ctypes.c_void_p()
        _call("cuMemHostAlloc", ctypes.byref(self._made), ctypes.c_size_t(size), 0)
        self.__array_interface__ = {"data": (self._made.value, False), "shape": (size,), "typestr": "|u1", "version": 3}

    def free(self) -> None:
        """At once."""
        _call("cuMemFreeHost", self._made)


def pagelocked_empty(shape: int, dtype: type, order: str = "C", mem_flags: int = 0) -> np.ndarray[Any, Any]:
    """Of one axis of bytes here."""
    _in_a_context()
    assert (dtype, order, mem_flags) == (np.uint8, "C", 0)
    return np.asarray(PagelockedHostAllocation(shape))


class Stream:
    """`CUstream`."""

    def __init__(self, flags: int = 0) -> None:
        _in_a_context()
        self._made = ctypes.c_void_p()
        _call("cuStreamCreateWithPriority", ctypes.byref(self._made), flags, 0)

    def __del__(self) -> None:
        _library.cuStreamDestroy(self._made)

    @property
    def handle(self) -> int:
        """Of the `CUstream`."""
        return self._made.value or 0

    def wait_for_event(self, evt: Event) -> None:
        """cuStreamWaitEvent."""
        _call("cuStreamWaitEvent", self._made, evt._made, 0)


class Event:
    """`CUevent`."""

    def __init__(self, flags: int = 0) -> None:
        _in_a_context()
        self._made = ctypes.c_void_p()
        _call("cuEventCreate", ctypes.byref(self._made), flags)

    def __del__(self) -> None:
        _library.cuEventDestroy(self._made)

    def record(self, stream: Stream | None = None) -> Event:
        """cuEventRecord."""
        assert stream is not None
        _call("cuEventRecord", self._made, stream._made)
        return self

    def query(self) -> bool:
        """cuEventQuery."""
        _call("cuEventQuery", self._made)
        return True


def memcpy_htod_async(dest: int, src: np.ndarray[Any, Any], stream: Stream | None = None) -> None:
    """`src` is anything contiguous with the buffer interface."""
    assert stream is not None
    source = ctypes.c_void_p(src.ctypes.data)
    _call("cuMemcpyHtoDAsync", ctypes.c_uint64(dest), source, ctypes.c_size_t(src.nbytes), stream._made)


def memcpy_dtoh_async(dest: np.ndarray[Any, Any], src: int, stream: Stream | None = None) -> None:
    """`dest` is anything contiguous and writable with the buffer interface."""
    assert stream is not None
    assert dest.flags.writeable
    target = ctypes.c_void_p(dest.ctypes.data)
    _call("cuMemcpyDtoHAsync", target, ctypes.c_uint64(src), ctypes.c_size_t(dest.nbytes), stream._made)


class Function:
    """Made by `SourceModule.get_function`."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def __call__(
        self, *args: Any, grid: tuple[int, ...] = (1, 1), block: tuple[int, ...], stream: Stream | None = None
    ) -> None:
        """`_build_arg_buf` takes NumPy numbers by their type, and refuses Python's."""
        for index, value in enumerate(args):
            if not isinstance(value, np.number | DeviceAllocation):
                raise TypeError(f"invalid type on parameter #{index} (0-based)")
        assert stream is not None
        packed = ctypes.create_string_buffer(struct.pack("".join(value.dtype.char for value in args), *args))
        size = ctypes.c_size_t(len(packed) - 1)
        extra = (ctypes.c_void_p * 5)(1, ctypes.addressof(packed), 2, ctypes.addressof(size), 0)
        _call("cuLaunchKernel", self._handle, *grid, *block, 0, stream._made, None, extra)
