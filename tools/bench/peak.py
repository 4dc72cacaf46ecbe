"""The most that a card can compute, from what it tells of itself and what a multiprocessor does in a clock."""

from __future__ import annotations

from dataclasses import dataclass

from engines.builds import Precision
from engines.errors import EngineError

_TENSOR_FP16 = {"7.5": 1024, "8.0": 2048, "8.6": 1024, "8.7": 2048, "8.9": 1024, "9.0": 4096, "12.0": 1024}
"""Floating point operations of a multiprocessor's tensor cores in a clock, dense, in half precision, a multiplication
and its addition counted as two. From NVIDIA's architecture papers (Turing, A100, GA102, Ada, H100, RTX Blackwell) and
the Jetson AGX Orin brief: peak ÷ multiprocessors ÷ boost clock. GeForce does half as many when it sums in float32."""
_CORES_FP32 = {"7.5": 128, "8.0": 128, "8.6": 256, "8.7": 256, "8.9": 256, "9.0": 256, "12.0": 256}
"""The same of its CUDA cores in float32 (CUDA C++ Programming Guide, arithmetic instructions, throughput × 2)."""


@dataclass(frozen=True)
class Card:
    """What bounds a card."""

    compute_capability: str
    multiprocessors: int
    clock_hz: float
    """The highest that it runs at."""

    def peak(self, precision: Precision) -> float | None:
        """Floating point operations a second; None where nothing is known of such cards."""
        table = _TENSOR_FP16 if precision is Precision.FP16 else _CORES_FP32
        operations = table.get(self.compute_capability)
        return None if operations is None else operations * self.multiprocessors * self.clock_hz


def card(device: int) -> Card:
    """GPU number `device`, counted as CUDA does.

    Raises:
        EngineError: the package cuda-core is not installed, or there is no such GPU.
    """
    try:
        from cuda.core import Device  # noqa: PLC0415 - only where there is a GPU

        properties, capability = Device(device).properties, Device(device).compute_capability
    except Exception as error:  # the package raises types of its own that share no base
        raise EngineError(f"GPU {device}: its peak cannot be told: {error}") from error
    return Card(f"{capability.major}.{capability.minor}", properties.multiprocessor_count, properties.clock_rate * 1e3)
