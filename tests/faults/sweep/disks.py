"""File systems small enough to be filled, and one that fails."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

MB = 1 << 20


@contextmanager
def small_disk(folder: Path, size_mb: int = 4) -> Iterator[Path]:
    """A tmpfs of its own."""
    disk = folder / "disk"
    disk.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(disk))
    try:
        yield disk
    finally:
        _run("umount", str(disk))


def fill(disk: Path) -> Path:
    """Leave no room; remove the file that is returned to make some."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


class Ext4:
    """A file system in a file, that goes read-only when an error is found in it, as most do."""

    def __init__(self, folder: Path, size_mb: int = 32) -> None:
        self.disk = folder / "disk"
        self._image = folder / "disk.img"
        self.disk.mkdir()
        with self._image.open("wb") as image:
            image.truncate(size_mb * MB)
        _run("mkfs.ext4", "-q", "-F", str(self._image))

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mounted as long as the block lasts."""
        self._mount()
        try:
            yield self.disk
        finally:
            _run("umount", str(self.disk))

    def fail(self) -> None:
        """An error is found: nothing is written any more, open files included."""
        device = self.disk.stat().st_dev
        name = (Path("/sys/dev/block") / f"{os.major(device)}:{os.minor(device)}").resolve().name
        (Path("/sys/fs/ext4") / name / "trigger_fs_error").write_text("injected")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Whoever writes waits."""
        _run("fsfreeze", "-f", str(self.disk))
        try:
            yield
        finally:
            _run("fsfreeze", "-u", str(self.disk))

    def repair(self) -> None:
        """As the operator would."""
        _run("umount", str(self.disk))
        subprocess.run(["fsck.ext4", "-y", str(self._image)], capture_output=True, check=False)  # 1: it has repaired
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.disk))


@cache
def no_mounts() -> str | None:
    """Why no file system can be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return None
        except (OSError, subprocess.CalledProcessError) as error:
            return f"a file system cannot be mounted here, which takes root: {_said(error)}"


@cache
def no_ext4() -> str | None:
    """Why there can be no ext4 in a file."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Ext4(Path(folder)).mounted():
                return None
        except (OSError, subprocess.CalledProcessError) as error:
            return f"ext4 cannot be mounted from a file here, which takes root and a loop device: {_said(error)}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _said(error: OSError | subprocess.CalledProcessError) -> str:
    return error.stderr.decode().strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
