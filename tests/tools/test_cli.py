"""The command line itself: quick help, and one clear error on a slim install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Run as on an install without the training extra.
SLIM = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "timm", "sklearn", "onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from tools.cli import main
main()
"""


def run_slim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SLIM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_lists_every_command_without_the_training_extra() -> None:
    done = run_slim("--help")
    assert done.returncode == 0, done.stderr
    for command in ("fit", "evaluate", "defects", "study", "bench", "demo-bundle"):
        assert command in done.stdout


@pytest.mark.train
def test_fit_tells_what_is_wrong_with_options_and_pictures_before_it_loads_torch(tmp_path: Path) -> None:
    program = (
        "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); import tools.cli as c; c.main()"
    )
    for arguments, code, said in (
        (["--help"], 0, "Learn a surface"),
        (["--good", "a", "--out", tmp_path, "--method", "cnn"], 2, "there are cse"),
        (["--good", tmp_path / "none", "--out", tmp_path], 65, "cannot be read"),
    ):
        command = [sys.executable, "-c", program, "fit", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        assert said in done.stdout + done.stderr
        assert done.stdout.endswith("False\n")


def test_a_command_without_its_extra_says_how_to_install_it() -> None:
    done = run_slim("fit", "--good", "a", "--out", "b")
    assert done.returncode == 69
    assert "pip install 'inspectd[train]'" in done.stderr
    assert "Traceback" not in done.stderr
