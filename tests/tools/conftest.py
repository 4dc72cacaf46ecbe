"""`inspectd-train` without a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tools.cli import main

Train = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Train:
    """Runs `inspectd-train WORDS` in this process, which need not load everything again."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = ["inspectd-train", *map(str, words)]
        monkeypatch.setattr(sys, "argv", command)
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capfd.readouterr()
        return subprocess.CompletedProcess(command, int(ended.value.code or 0), told.out, told.err)

    return run
