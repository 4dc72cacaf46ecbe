"""Making names durable: a new or renamed file is there after a power cut only when its directory was synced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Sync a directory's entries to the disk.

    Raises:
        OSError: the directory cannot be opened or synced.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their path in `directory`, and sync them and their names to the disk.

    Raises:
        OSError: one cannot be written or synced.
    """
    for name, data in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    for sub in {(directory / name).parent for name in files}:
        sync_directory(sub)
