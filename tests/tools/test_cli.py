"""The command line itself: quick help, and one clear error on a slim install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_a_command_without_its_extra_says_how_to_install_it() -> None:
    done = run_slim("fit", "--good", "a", "--out", "b")
    assert done.returncode == 69
    assert "pip install 'inspectd[train]'" in done.stderr
    assert "Traceback" not in done.stderr
