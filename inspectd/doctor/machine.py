"""The PC itself: distribution, processor, memory, and whether it is a Jetson."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspectd.doctor.findings import Finding, good, note

JETPACK_OF_JETSON_LINUX = {35: "5", 36: "6", 38: "7"}
"""JetPack's major version by Jetson Linux' (NVIDIA's JetPack archive)."""
INSTRUCTIONS = {"avx2": "AVX2", "avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "asimddp": "dot product"}
"""Flags of /proc/cpuinfo that the CPU engine gains from; the last is ARM's."""


@dataclass(frozen=True)
class Machine:
    """What kind of PC this is."""

    distribution: str
    """`debian`, `ubuntu` and the like, as os-release's ID says."""
    distribution_name: str
    relatives: tuple[str, ...]
    """Distributions that this one is made from, as os-release's ID_LIKE says."""
    architecture: str
    cores: int
    """That this process may use."""
    memory_gib: float
    instructions: tuple[str, ...]
    jetson_linux: str = ""
    """Version of Jetson Linux, as `36.4.3`; empty on every other PC."""
    model: str = ""
    """Of the board, as the device tree names it; PCs mostly have none."""

    @property
    def takes_apt(self) -> bool:
        """Whether Debian's and Ubuntu's package names hold here."""
        return not {"debian", "ubuntu"}.isdisjoint({self.distribution, *self.relatives})

    @property
    def jetpack(self) -> str:
        """JetPack's major version on a Jetson, else empty."""
        return JETPACK_OF_JETSON_LINUX.get(int(self.jetson_linux.partition(".")[0] or 0), "")


def read_machine(root: Path = Path("/")) -> Machine:
    """Look at this PC; `root` holds its `etc` and `proc`."""
    release = _os_release(root / "etc/os-release")
    return Machine(
        distribution=release.get("ID", ""),
        distribution_name=release.get("PRETTY_NAME", "an unknown Linux"),
        relatives=tuple(release.get("ID_LIKE", "").split()),
        architecture=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=_memory_gib(root / "proc/meminfo"),
        instructions=_instructions(root / "proc/cpuinfo"),
        jetson_linux=_jetson_linux(root / "etc/nv_tegra_release"),
        model=read_text(root / "proc/device-tree/model").rstrip("\0"),
    )


def judge_machine(machine: Machine) -> Iterator[Finding]:
    """What to say of the PC."""
    yield good(f"{machine.distribution_name}, {machine.architecture}, Python {platform.python_version()}")
    yield good(f"{machine.cores} cores for this process, {machine.memory_gib:.1f} GiB of memory")
    if machine.jetson_linux:
        jetpack = f", JetPack {machine.jetpack}" if machine.jetpack else ""
        yield good(f"{machine.model or 'a Jetson'}, Jetson Linux {machine.jetson_linux}{jetpack}")
    if not machine.takes_apt:
        yield note("the apt commands below are for Debian, Ubuntu and Jetson; here the packages have other names")


def read_text(path: Path) -> str:
    """A file's text; empty where there is no such file or it may not be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _os_release(path: Path) -> dict[str, str]:
    """`platform.freedesktop_os_release` reads the running system's only."""
    pairs = re.findall(r"^(\w+)=([\"']?)(.*?)\2$", read_text(path), re.MULTILINE)
    return {name: value for name, _, value in pairs}


def _memory_gib(path: Path) -> float:
    found = re.search(r"^MemTotal:\s+(\d+) kB", read_text(path), re.MULTILINE)
    return int(found[1]) / 2**20 if found else 0.0


def _instructions(path: Path) -> tuple[str, ...]:
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", read_text(path), re.MULTILINE)
    flags = set(found[1].split()) if found else set()
    return tuple(name for flag, name in INSTRUCTIONS.items() if flag in flags)


def _jetson_linux(path: Path) -> str:
    """Its first line is `# R36 (release), REVISION: 4.3, GCID: …`."""
    found = re.search(r"^# R(\d+) \(release\), REVISION: ([\d.]+)", read_text(path))
    return f"{found[1]}.{found[2]}" if found else ""
