"""What was taken last outlives the bridge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inspectd.bridges.handover import Position
from inspectd.bridges.memory import Memory
from inspectd.errors import BridgeStateError

KILLED_AFTER_REMEMBERING = """
import os, signal, sys
from pathlib import Path
from inspectd.bridges.handover import Position
from inspectd.bridges.memory import Memory
memory = Memory(Path(sys.argv[1]))
for sequence in range(1, 101):
    memory.remember(Position(7, "journal", sequence))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    with Memory(tmp_path / "state.db") as memory:
        assert memory.recall() is None


def test_a_kill_undoes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    subprocess.run([sys.executable, "-c", KILLED_AFTER_REMEMBERING, str(path)], check=False)
    with Memory(path) as memory:
        assert memory.recall() == Position(7, "journal", 100)


def test_two_bridges_cannot_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Memory(path), pytest.raises(BridgeStateError, match=r"state\.db: another bridge uses it; give each its own"):
        Memory(path)
    with Memory(path) as memory:
        assert memory.recall() is None


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("series = 1, and so on, at some length")
    with pytest.raises(BridgeStateError, match="--state must name a file"):
        Memory(path)
    with pytest.raises(BridgeStateError, match="--state must name a file"):
        Memory(tmp_path / "nowhere" / "state.db")
