"""NVIDIA's GPUs and their driver, as the kernel and `nvidia-smi` tell of them; neither needs a Python package."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspectd.doctor.findings import Finding, good, lacking, note
from inspectd.doctor.machine import Machine, read_text

QUERY = ("name", "compute_cap", "driver_version", "memory.total", "mig.mode.current")
"""See `nvidia-smi --help-query-gpu`."""
SMI_TIMEOUT_S = 20.0
"""It answers within a second or two, unless the driver hangs."""
SMI_MISSING = "nvidia-smi is not installed"
DRIVER_OF_CUDA = {13: 580, 12: 525}
"""Least major version of the driver for each CUDA, newest first (CUDA's release notes, minor version compatibility)."""
LEAST_CAPABILITY = (7, 5)
"""Of TensorRT since 10.5, and of TensorRT-RTX: Turing."""
NVIDIA, DISPLAY_CLASSES = "0x10de", ("0x0300", "0x0302")
"""PCI vendor, and the classes of VGA and 3D controllers."""


@dataclass(frozen=True)
class Gpu:
    """One card."""

    name: str
    compute_capability: str
    """As `8.6`; empty where nvidia-smi does not tell."""
    memory_mib: int | None
    """None where it is the PC's own, as on a Jetson."""
    mig: bool
    """Whether it is split into instances."""

    @property
    def suits(self) -> bool:
        """Whether TensorRT runs on it, as far as is told."""
        numbers = tuple(map(int, self.compute_capability.split("."))) if self.compute_capability else LEAST_CAPABILITY
        return numbers >= LEAST_CAPABILITY


@dataclass(frozen=True)
class Graphics:
    """What there is of NVIDIA's on this PC."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    """Version; empty where none is loaded."""
    card: bool = False
    """Whether the PCI bus has a card of NVIDIA's, with or without a driver."""
    complaint: str = ""
    """What nvidia-smi said in place of an answer."""

    @property
    def cuda(self) -> int | None:
        """Newest major version of CUDA that the driver runs."""
        major = int(self.driver.partition(".")[0] or 0)
        return next((cuda for cuda, least in DRIVER_OF_CUDA.items() if major >= least), None)


def read_graphics(root: Path = Path("/")) -> Graphics:
    """Look for cards and their driver; `root` holds `proc` and `sys`."""
    loaded = _loaded_driver(root / "proc/driver/nvidia/version")
    card = _has_card(root / "sys/bus/pci/devices")
    program = shutil.which("nvidia-smi")
    if program is None:
        return Graphics(driver=loaded, card=card, complaint=SMI_MISSING if loaded else "")
    try:
        rows = _ask(program)
    except _NoAnswerError as error:
        return Graphics(driver=loaded, card=card, complaint=str(error))
    gpus = tuple(_gpu(row) for row in rows)
    return Graphics(gpus, loaded or (rows[0]["driver_version"] if rows else ""), card or bool(gpus))


def judge_graphics(graphics: Graphics, machine: Machine, *, needed: bool) -> Iterator[Finding]:
    """What to say of them."""
    if graphics.complaint and (graphics.driver or graphics.card or machine.jetson_linux):
        yield lacking(needed, f"the driver does not answer: {graphics.complaint}", _revive(graphics))
    elif not graphics.gpus:
        yield _no_gpu(graphics, machine, needed)
    else:
        yield from _judge_driver(graphics, machine, needed)
        none_suits = not any(gpu.suits for gpu in graphics.gpus)
        for gpu in graphics.gpus:
            yield from _judge_gpu(gpu, needed and none_suits)


class _NoAnswerError(Exception):
    """nvidia-smi did not answer, and why."""


def _ask(program: str) -> list[dict[str, str]]:
    command = [program, f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
    try:
        # The program is the driver's own, found on the administrator's PATH; no argument comes from outside.
        run = subprocess.run(command, capture_output=True, text=True, timeout=SMI_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise _NoAnswerError(f"nvidia-smi did not answer within {SMI_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise _NoAnswerError(f"nvidia-smi does not run: {error.strerror}") from error
    if run.returncode:
        said = (run.stdout + run.stderr).strip().splitlines()
        raise _NoAnswerError(said[0] if said else f"nvidia-smi ended with exit code {run.returncode}")
    return [dict(zip(QUERY, row, strict=False)) for row in csv.reader(run.stdout.splitlines(), skipinitialspace=True)]


def _gpu(row: dict[str, str]) -> Gpu:
    """What a card does not have, nvidia-smi gives as `[N/A]` or `[Not Supported]`."""
    memory, capability = row.get("memory.total", ""), row.get("compute_cap", "")
    return Gpu(
        name=row.get("name", ""),
        compute_capability=capability if re.fullmatch(r"\d+\.\d", capability) else "",
        memory_mib=int(memory) if memory.isdecimal() else None,
        mig=row.get("mig.mode.current") == "Enabled",
    )


def _loaded_driver(path: Path) -> str:
    """Its first line is `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May …`."""
    found = re.search(r"^NVRM version:.*?\s(\d{3}\.\d+(?:\.\d+)?)\s", read_text(path), re.MULTILINE)
    return found[1] if found else ""


def _has_card(devices: Path) -> bool:
    return any(
        read_text(device / "vendor").strip() == NVIDIA and read_text(device / "class").startswith(DISPLAY_CLASSES)
        for device in devices.glob("*")
    )


def _revive(graphics: Graphics) -> str:
    if graphics.complaint == SMI_MISSING:
        return (
            "install it in the driver's own version (Debian: nvidia-smi, Ubuntu: nvidia-utils-580 for driver 580);\n"
            "in a container, hand the GPU in: docker run --gpus all"
        )
    if "mismatch" in graphics.complaint:  # NVML's word after an update of the driver
        return "the driver was updated while the old one runs: restart the PC"
    if not graphics.driver:
        return (
            "its kernel module is not loaded: restart the PC; if that does not help, install the driver anew,\n"
            "and where Secure Boot is on, enrol the key that the installation asks for (sudo mokutil --import)"
        )
    return "restart the PC; if it happens again, look for lines with NVRM in: sudo dmesg"


def _no_gpu(graphics: Graphics, machine: Machine, needed: bool) -> Finding:
    if graphics.card:
        return lacking(needed, "there is an NVIDIA card, but no driver for it", install_driver(machine))
    if machine.jetson_linux:
        return lacking(
            needed,
            "the Jetson's GPU is not told of: nvidia-smi is missing",
            "sudo apt update && sudo apt install nvidia-jetpack",
        )
    way_out = "set engine.runtime to 'onnx', or put an NVIDIA card in" if needed else ""
    return lacking(needed, "no NVIDIA GPU: the CPU engine is what runs here", way_out)


def _judge_driver(graphics: Graphics, machine: Machine, needed: bool) -> Iterator[Finding]:
    if graphics.cuda is None:
        least = min(DRIVER_OF_CUDA.values())
        yield lacking(
            needed, f"driver {graphics.driver} is too old; CUDA 12 needs {least} or newer", install_driver(machine)
        )
    else:
        yield good(f"driver {graphics.driver}, runs CUDA up to {graphics.cuda}")


def _judge_gpu(gpu: Gpu, needed: bool) -> Iterator[Finding]:
    capability = f", compute capability {gpu.compute_capability}" if gpu.compute_capability else ""
    memory = f", {gpu.memory_mib / 1024:.1f} GiB" if gpu.memory_mib is not None else ""
    text = f"{gpu.name}{capability}{memory}"
    if gpu.suits:
        yield good(text)
    else:
        least = ".".join(map(str, LEAST_CAPABILITY))
        way_out = "set engine.runtime to 'onnx', or put a newer card in" if needed else ""
        yield lacking(needed, f"{text}: TensorRT needs {least} or higher", way_out)
    if gpu.mig:
        yield note(
            f"{gpu.name} is split into instances (MIG); inspectd uses the first one that it may see",
            "nvidia-smi -L lists them; name one in CUDA_VISIBLE_DEVICES",
        )


def install_driver(machine: Machine) -> str:
    """How to get NVIDIA's driver."""
    if machine.distribution == "ubuntu" or "ubuntu" in machine.relatives:
        return "sudo apt update && sudo apt install ubuntu-drivers-common && sudo ubuntu-drivers install, then restart"
    if machine.distribution == "debian":
        return (
            "add the components contrib, non-free and non-free-firmware to apt's sources, then\n"
            "sudo apt update && sudo apt install nvidia-driver, then restart (docs/gpu.md has newer drivers)"
        )
    return "install NVIDIA's driver as its Driver Installation Guide says for this distribution, then restart"
