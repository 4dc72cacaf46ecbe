"""The runtime and training are separate installs, and the packages know their place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING_ONLY = {"torch", "torchvision", "timm", "sklearn", "scipy", "skimage", "onnx", "matplotlib", "jinja2"}
EVERYTHING_THE_DAEMON_RUNS = """
import sys
import inspectd.cli, inspectd.daemon, inspectd.client, inspectd.watch, inspectd.check
import inspectd.capture.worker, inspectd.cameras.images, inspectd.cameras.opencv
import engines.onnx, engines.golden
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def modules_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports_of(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_daemon_imports_nothing_of_training() -> None:
    run = subprocess.run([sys.executable, "-c", EVERYTHING_THE_DAEMON_RUNS], capture_output=True, text=True, check=True)
    imported = set(run.stdout.split())
    assert "onnxruntime" in imported
    assert imported & TRAINING_ONLY == set()
    assert imported & {"cuda", "pycuda", "tensorrt", "tensorrt_rtx"} == set()  # only where the configuration says so
    assert imported & {"aiomqtt", "asyncua", "pymodbus"} == set()  # only in a bridge
    assert imported & {"starlette", "uvicorn"} == set()  # only in the live view
    assert "gi" not in imported  # GStreamer and Aravis: only where such a camera is opened


@pytest.mark.parametrize("package", ["engines", "calib"])
def test_engines_and_calib_import_neither_inspectd_nor_tools(package: str) -> None:
    offenders = {
        str(module.relative_to(ROOT)) for module in modules_of(package) if imports_of(module) & {"inspectd", "tools"}
    }
    assert offenders == set()


def test_inspectd_does_not_import_tools() -> None:
    offenders = {str(module.relative_to(ROOT)) for module in modules_of("inspectd") if "tools" in imports_of(module)}
    assert offenders == set()


def test_no_module_is_a_drawer() -> None:
    names = {module.stem for package in ("inspectd", "engines", "calib", "tools") for module in modules_of(package)}
    assert names & {"utils", "util", "helpers", "helper", "common", "misc"} == set()
