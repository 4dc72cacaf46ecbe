"""A file system of a few MiB."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """3 MiB at a folder, which is made; the test is skipped where none can be mounted."""
    folder.mkdir()
    mounted = mount(folder)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def mount(folder: Path) -> subprocess.CompletedProcess[str]:
    """Mount one at a folder that is there."""
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True)
