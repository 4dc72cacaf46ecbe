"""nvidia-smi is a script here that says what the real one says; `/proc` and `/sys` are folders of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspectd.doctor import gpu
from inspectd.doctor.findings import Finding, Level
from inspectd.doctor.gpu import Gpu, Graphics, judge_graphics, read_graphics
from inspectd.doctor.machine import Machine
from tests.inspectd.doctor.test_machine import put

DEBIAN = Machine("debian", "Debian GNU/Linux 12", (), "x86_64", 8, 16.0, ("AVX2",))
UBUNTU = Machine("ubuntu", "Ubuntu 24.04", ("debian",), "x86_64", 8, 16.0, ("AVX2",))
JETSON = Machine("ubuntu", "Ubuntu 24.04", ("debian",), "aarch64", 8, 16.0, (), jetson_linux="38.2")
A2000 = Gpu("NVIDIA RTX A2000", "8.6", 6138, mig=False)
LOADED = {
    "proc/driver/nvidia/version": (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
    )
}
LOADED_OPEN = {
    "proc/driver/nvidia/version": (
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs@U22)  Sun Jul\n"
        "GCC version:  gcc version 13.3.0\n"
    )
}
CARD = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
    "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",  # the card's sound, which tells nothing
    "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
}


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to write an nvidia-smi; none is on PATH before."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "nvidia-smi"


def says(smi: Path, text: str, code: int = 0) -> None:
    """Make it refuse any other question than ours, and answer `text`."""
    smi.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = "--query-gpu={",".join(gpu.QUERY)}" ] && [ "$2" = "--format=csv,noheader,nounits" ] || exit 99\n'
        f"echo '{text}'\nexit {code}\n"
    )
    smi.chmod(0o755)


def told(graphics: Graphics, machine: Machine = DEBIAN, *, needed: bool = True) -> list[Finding]:
    return list(judge_graphics(graphics, machine, needed=needed))


def test_two_cards(smi: Path, tmp_path: Path) -> None:
    says(
        smi,
        "NVIDIA RTX A2000, 8.6, 580.65.06, 6138, [N/A]\nNVIDIA A100-PCIE-40GB, 8.0, 580.65.06, 40960, Enabled",
    )
    graphics = read_graphics(put(tmp_path, LOADED_OPEN | CARD))
    assert graphics.gpus == (A2000, Gpu("NVIDIA A100-PCIE-40GB", "8.0", 40960, mig=True))
    assert (graphics.driver, graphics.cuda) == ("580.65.06", 13)
    findings = told(graphics)
    assert [finding.level for finding in findings] == [Level.OK, Level.OK, Level.OK, Level.NOTE]
    assert findings[1].text == "NVIDIA RTX A2000, compute capability 8.6, 6.0 GiB"
    assert "CUDA_VISIBLE_DEVICES" in findings[3].way_out


def test_a_jetson_tells_neither_memory_nor_mig(smi: Path, tmp_path: Path) -> None:
    says(smi, "Orin (nvgpu), 8.7, 540.4.0, [N/A], [N/A]")
    graphics = read_graphics(tmp_path)
    assert graphics.gpus == (Gpu("Orin (nvgpu)", "8.7", None, mig=False),)
    assert [finding.text for finding in told(graphics, JETSON)] == [
        "driver 540.4.0, runs CUDA up to 12",
        "Orin (nvgpu), compute capability 8.7",
    ]


@pytest.mark.parametrize(
    ("driver", "cuda"), [("580.65.06", 13), ("570.133.20", 12), ("525.60.13", 12), ("470.42", None)]
)
def test_the_driver_says_which_cuda_it_runs(driver: str, cuda: int | None) -> None:
    graphics = Graphics((A2000,), driver, card=True)
    assert graphics.cuda == cuda
    assert (told(graphics)[0].level is Level.PROBLEM) == (cuda is None)


def test_no_card_is_a_note_unless_it_is_needed(smi: Path, tmp_path: Path) -> None:
    assert not smi.exists()
    graphics = read_graphics(tmp_path)
    assert graphics == Graphics()
    assert [finding.level for finding in told(graphics, needed=False)] == [Level.NOTE]
    (problem,) = told(graphics, needed=True)
    assert problem.level is Level.PROBLEM
    assert "engine.runtime" in problem.way_out


@pytest.mark.parametrize(
    ("machine", "way_out"), [(DEBIAN, "apt install nvidia-driver"), (UBUNTU, "ubuntu-drivers install")]
)
def test_a_card_without_a_driver(smi: Path, tmp_path: Path, machine: Machine, way_out: str) -> None:
    assert not smi.exists()
    graphics = read_graphics(put(tmp_path, CARD))
    (finding,) = told(graphics, machine)
    assert "no driver" in finding.text
    assert way_out in finding.way_out


@pytest.mark.parametrize(
    ("files", "said", "way_out"),
    [
        (LOADED | CARD, "Failed to initialize NVML: Driver/library version mismatch", "driver was updated"),
        (CARD, "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.", "is not loaded"),
        (LOADED | CARD, "No devices were found", "sudo dmesg"),
    ],
)
def test_a_driver_that_does_not_answer(
    smi: Path, tmp_path: Path, files: dict[str, str], said: str, way_out: str
) -> None:
    says(smi, said, code=9)
    (finding,) = told(read_graphics(put(tmp_path, files)))
    assert finding.level is Level.PROBLEM
    assert said in finding.text
    assert way_out in finding.way_out


def test_a_driver_that_hangs_is_not_waited_for(smi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    smi.chmod(0o755)
    monkeypatch.setattr(gpu, "SMI_TIMEOUT_S", 0.2)
    (finding,) = told(read_graphics(put(tmp_path, LOADED | CARD)))
    assert "did not answer within 0.2 s" in finding.text


def test_a_container_without_the_gpu(smi: Path, tmp_path: Path) -> None:
    assert not smi.exists()
    graphics = read_graphics(put(tmp_path, LOADED | CARD))
    assert graphics.driver == "535.183.01"
    (finding,) = told(graphics)
    assert "--gpus all" in finding.way_out


def test_a_card_too_old_for_tensorrt() -> None:
    findings = told(Graphics((Gpu("NVIDIA GeForce GTX 1080", "6.1", 8192, mig=False),), "570.133.20", card=True))
    assert [finding.level for finding in findings] == [Level.OK, Level.PROBLEM]
    assert "needs 7.5" in findings[1].text


def test_an_old_card_beside_one_that_does_is_a_note() -> None:
    old = Gpu("NVIDIA Quadro P400", "6.1", 4096, mig=False)
    findings = told(Graphics((old, A2000), "570.133.20", card=True))
    assert [finding.level for finding in findings] == [Level.OK, Level.NOTE, Level.OK]


def test_a_jetson_without_nvidia_smi_is_told_of_jetpack() -> None:
    (finding,) = told(Graphics(), JETSON)
    assert "apt install nvidia-jetpack" in finding.way_out
