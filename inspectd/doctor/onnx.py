"""ONNX Runtime, the engine of every PC."""

from __future__ import annotations

from collections.abc import Iterator

from inspectd.doctor.findings import Finding, good, lacking, note
from inspectd.doctor.machine import Machine
from inspectd.doctor.packages import Package

MODULE = "onnxruntime"


def judge_onnx(package: Package, machine: Machine) -> Iterator[Finding]:
    """What to say of it, and of the processor that it runs on."""
    if not package.version:
        why = package.error or "it is not installed"
        yield lacking(True, f"ONNX Runtime does not load: {why}", "pip install --force-reinstall onnxruntime")
        return
    yield good(f"ONNX Runtime {package.version}")
    if machine.instructions:
        yield good(f"the processor has {', '.join(machine.instructions)}")
    elif machine.architecture == "x86_64":
        yield note("the processor has no AVX2: the CPU engine will be slow")
