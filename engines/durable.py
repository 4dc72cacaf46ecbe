"""Making names durable: a new or renamed file is there after a power cut only when its directory was synced."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal


class UnsyncedError(OSError):
    """A file is in its new place, but that could not be synced: after a power cut it may be as before."""


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


@contextmanager
def staging_directory(parent: Path) -> Iterator[Path]:
    """An empty directory in `parent`, which is made where it is not there, to be filled and then renamed to what it is
    to be; gone at the end of the block, whatever happens.

    Raises:
        OSError: it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
    try:
        staging.chmod(0o755)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their path in `directory`, and sync them and their names to the disk.

    Raises:
        OSError: one cannot be written or synced.
    """
    for name, data in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_synced(file, data, "wb")
    for sub in {(directory / name).parent for name in files}:
        sync_directory(sub)


def replace_file(file: Path, data: bytes) -> None:
    """Write a file in place of the one that may be there; whatever is killed, the old one or the new one is there, and
    the new one stays once this has returned.

    Raises:
        UnsyncedError: the new one is there, but may not be after a power cut.
        OSError: it cannot be written or synced; the old one is there.
    """
    with staging_directory(file.parent) as staging:
        part = staging / file.name
        write_synced(part, data, "xb")
        part.replace(file)
        _sync_name(file)


def remove_file(file: Path) -> None:
    """Remove a file, where there is one; it stays away once this has returned.

    Raises:
        UnsyncedError: it is gone, but may be back after a power cut.
        OSError: it cannot be removed.
    """
    try:
        file.unlink()
    except FileNotFoundError:
        return
    _sync_name(file)


def _sync_name(file: Path) -> None:
    try:
        sync_directory(file.parent)
    except OSError as error:
        raise UnsyncedError(error.errno, error.strerror, str(file)) from error


def write_synced(file: Path, data: bytes, mode: Literal["wb", "xb"]) -> None:
    """Write one file and sync it, but not its name, to the disk; `xb` makes it and never replaces one.

    Raises:
        OSError: it cannot be written or synced; FileExistsError where there is one and `mode` is `xb`.
    """
    with file.open(mode) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
