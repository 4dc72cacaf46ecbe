"""Removing from a registry, so that what is removed is there whole or not at all, and sweeping up after who died."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ABANDONED_S: Final = 86_400.0
"""What was begun so long ago and not finished, was begun by a process that died."""
_OUT_OF_SIGHT: Final = ".old-"


@contextmanager
def removed(directory: Path) -> Iterator[None]:
    """Take a directory out of sight at once, and remove it when the block is over. Where the block raises, it is put
    back, unless something else is in its place by then.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    aside = directory.with_name(f"{_OUT_OF_SIGHT}{secrets.token_hex(4)}")
    directory.rename(aside)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            aside.rename(directory)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def sweep(registry: Path, bundles: Path, notes: Path) -> None:
    """Remove what is left in the directory of a registry by processes that died, and of removals that failed: what is
    out of sight, what was long being written, and notes whose bundle is gone."""
    for left in bundles.glob(f"{_OUT_OF_SIGHT}*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in (*registry.glob(".writing-*"), *registry.glob("*/.writing-*")):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    for note in notes.glob("*.json"):
        if not (bundles / note.stem).exists() and _is_abandoned(note):  # one that is being added has its note first
            with suppress(OSError):
                note.unlink()


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except OSError:  # gone meanwhile
        return False
