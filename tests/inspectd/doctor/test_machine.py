from __future__ import annotations

from pathlib import Path

import pytest

from inspectd.doctor.findings import Level
from inspectd.doctor.machine import Machine, judge_machine, read_machine
from inspectd.doctor.onnx import judge_onnx
from inspectd.doctor.packages import Package

JETSON_RELEASE = """\
# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025
# KERNEL_VARIANT: oot
TARGET_USERSPACE_LIB_DIR=nvidia
"""


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_pc_is_read() -> None:
    machine = read_machine()
    assert machine.distribution
    assert machine.cores >= 1
    assert machine.memory_gib > 0.1
    assert not machine.jetson_linux


def test_a_jetson_is_known_by_its_release_file(tmp_path: Path) -> None:
    machine = read_machine(
        put(
            tmp_path,
            {
                "etc/os-release": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\n',
                "etc/nv_tegra_release": JETSON_RELEASE,
                "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
                "proc/meminfo": "MemTotal:       31374136 kB\n",
                "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd atomics asimddp\n",
            },
        )
    )
    assert (machine.jetson_linux, machine.jetpack) == ("36.4.3", "6")
    assert machine.instructions == ("dot product",)
    told = [finding.text for finding in judge_machine(machine)]
    assert "NVIDIA Jetson AGX Orin Developer Kit, Jetson Linux 36.4.3, JetPack 6" in told
    assert any("29.9 GiB" in text for text in told)


def test_a_release_that_is_not_known_yet_is_told_without_a_jetpack() -> None:
    machine = Machine("ubuntu", "Ubuntu", ("debian",), "aarch64", 8, 32.0, (), jetson_linux="99.1")
    assert [finding.text for finding in judge_machine(machine)][-1] == "a Jetson, Jetson Linux 99.1"


@pytest.mark.parametrize(
    ("release", "apt"), [("ID=linuxmint\nID_LIKE='ubuntu debian'\n", True), ("ID=fedora\n", False)]
)
def test_where_apt_is_not_the_way_it_is_said(tmp_path: Path, release: str, apt: bool) -> None:
    machine = read_machine(put(tmp_path, {"etc/os-release": release}))
    assert machine.takes_apt == apt
    assert any("other names" in finding.text for finding in judge_machine(machine)) != apt


def test_a_processor_without_avx2_is_a_note_and_a_missing_runtime_a_problem() -> None:
    old = Machine("debian", "Debian", (), "x86_64", 2, 4.0, ())
    sound, absent = Package("onnxruntime", version="1.23.2"), Package("onnxruntime")
    broken = Package("onnxruntime", error="ImportError: libstdc++.so.6: version not found")
    assert [finding.level for finding in judge_onnx(sound, old)] == [Level.OK, Level.NOTE]
    for package, why in ((broken, "libstdc++"), (absent, "not installed")):
        (finding,) = judge_onnx(package, old)
        assert finding.level is Level.PROBLEM
        assert why in finding.text
