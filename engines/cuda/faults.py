"""What the CUDA driver's result codes mean for an engine.

Source: CUDA Driver API, `CUresult`. Of some codes it says that they leave the process in an inconsistent state, so that
any further CUDA work returns the same error and the process must be ended and started again; those, and the ones of a
GPU that is gone, make a lost device.
"""

from __future__ import annotations

from typing import Final

from engines.errors import CaptureRefusedError, DeviceError, DeviceLostError, DeviceMemoryError

LOST: Final = frozenset(
    {
        "CUDA_ERROR_DEINITIALIZED",
        "CUDA_ERROR_NO_DEVICE",
        "CUDA_ERROR_DEVICE_UNAVAILABLE",
        "CUDA_ERROR_ECC_UNCORRECTABLE",
        "CUDA_ERROR_NVLINK_UNCORRECTABLE",
        "CUDA_ERROR_CONTAINED",
        "CUDA_ERROR_ILLEGAL_ADDRESS",
        "CUDA_ERROR_LAUNCH_TIMEOUT",
        "CUDA_ERROR_CONTEXT_IS_DESTROYED",
        "CUDA_ERROR_ASSERT",
        "CUDA_ERROR_HARDWARE_STACK_ERROR",
        "CUDA_ERROR_ILLEGAL_INSTRUCTION",
        "CUDA_ERROR_MISALIGNED_ADDRESS",
        "CUDA_ERROR_INVALID_ADDRESS_SPACE",
        "CUDA_ERROR_INVALID_PC",
        "CUDA_ERROR_LAUNCH_FAILED",
        "CUDA_ERROR_TENSOR_MEMORY_LEAK",
        "CUDA_ERROR_SYSTEM_NOT_READY",
        "CUDA_ERROR_EXTERNAL_DEVICE",
        "CUDA_ERROR_UNKNOWN",
    }
)
MEMORY: Final = frozenset({"CUDA_ERROR_OUT_OF_MEMORY"})
CAPTURE_PREFIX: Final = "CUDA_ERROR_STREAM_CAPTURE_"


def device_error(code: str, call: str, detail: str = "") -> DeviceError:
    """The error for a driver call that ended with `code`, a name of `CUresult`."""
    message = f"{call}: {code}" + (f" ({detail})" if detail else "")
    if code in LOST:
        return DeviceLostError(f"the GPU is lost: {message}; see 'nvidia-smi' and the kernel's log for Xid messages")
    if code in MEMORY:
        return DeviceMemoryError(
            f"the GPU's memory is used up: {message}; lower engine.max_batch or engine.slots, "
            "or end what else uses the GPU"
        )
    if code.startswith(CAPTURE_PREFIX):
        return CaptureRefusedError(f"the CUDA graph was not captured: {message}")
    return DeviceError(f"the GPU's driver failed: {message}")
