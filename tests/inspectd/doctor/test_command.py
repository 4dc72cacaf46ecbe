"""`inspectd doctor` as it is called, on this very machine."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from engines.bundle import Bundle
from inspectd.doctor.findings import Subject, good, has_problems, lacking, note
from inspectd.doctor.gpu import read_graphics
from inspectd.doctor.packages import installed
from inspectd.doctor.report import show, to_json
from inspectd.journal import Journal


def doctor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inspectd.cli", "doctor", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path, bundle: Bundle) -> Path:
    path = tmp_path / "line.toml"
    path.write_text(
        f'model.bundle = "{bundle.path}"\njournal.path = "{tmp_path}/journal.db"\n'
        f'[cameras.web]\nsource = "images:{tmp_path}"\n'
    )
    return path


def test_alone_it_informs() -> None:
    run = doctor()
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("PC\n  ok      ")
    assert "ONNX Runtime" in run.stdout
    assert "problem" not in run.stdout
    assert "\x1b" not in run.stdout


def test_as_json() -> None:
    run = doctor("--json")
    assert run.returncode == 0
    document = json.loads(run.stdout)
    assert document["sound"] is True
    assert [subject["title"] for subject in document["subjects"]][:3] == ["PC", "CPU engine", "GPU"]
    finding = document["subjects"][0]["findings"][0]
    assert set(finding) == {"level", "text", "way_out"}


def test_with_a_configuration_it_starts_the_engine(config: Path) -> None:
    run = doctor(config)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(r"the onnx engine reproduces the bundle's 4 golden tiles", run.stdout)


def test_a_bundle_that_cannot_be_used_is_a_problem(config: Path) -> None:
    config.write_text(config.read_text().replace("tiny-", "other-"))
    run = doctor(config)
    assert run.returncode == 78
    assert "problem " in run.stdout
    assert "no such bundle" in run.stdout


def test_a_configuration_that_needs_a_gpu(config: Path) -> None:
    if read_graphics().gpus:
        pytest.skip("there is a GPU here")
    with config.open("a") as file:
        file.write('[engine]\nruntime = "tensorrt"\n[cameras.hall]\nsource = "rtsp://camera.example/stream"\n')
    run = doctor(config)
    assert run.returncode == 78
    assert "problem no NVIDIA GPU" in run.stdout
    assert "set engine.runtime to 'onnx'" in run.stdout
    if not installed("tensorrt"):
        assert "problem TensorRT is not installed\n            pip install 'inspectd[gpu]'\n" in run.stdout


def test_a_running_daemons_engine_is_left_in_peace(config: Path) -> None:
    with Journal(config.parent / "journal.db", 30, 64):
        run = doctor(config)
    assert run.returncode == 0
    assert "left in peace" in run.stdout


def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    run = doctor(tmp_path / "none.toml")
    assert run.returncode == 78
    assert "none.toml: cannot be read" in run.stderr


SUBJECTS = (
    Subject(
        "GPU", (good("driver 580"), note("split"), lacking(True, "TensorRT is not installed", "pip install it\nor not"))
    ),
    Subject("Nothing", ()),
)


def test_people_see_the_way_out_below_its_finding() -> None:
    output = io.StringIO()
    shown = show(SUBJECTS, Console(file=output, width=30))
    assert shown == list(SUBJECTS)
    assert output.getvalue() == (
        "GPU\n  ok      driver 580\n  note    split\n"
        "  problem TensorRT is not installed\n            pip install it\n            or not\n"
    )


def test_on_a_terminal_it_is_in_colour() -> None:
    output = io.StringIO()
    show(SUBJECTS, Console(file=output, force_terminal=True, color_system="standard"))
    assert "\x1b[1;31m  problem " in output.getvalue()


def test_only_problems_make_it_unsound() -> None:
    assert has_problems(SUBJECTS)
    assert not has_problems([Subject("GPU", (good("driver 580"), lacking(False, "idle", "use it")))])
    assert json.loads(to_json(SUBJECTS))["sound"] is False
