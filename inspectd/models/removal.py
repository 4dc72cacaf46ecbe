"""Removing from a registry, so that what is removed is there whole or not at all, and sweeping up after who died."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from inspectd.lock import locked_now

ABANDONED_S: Final = 86_400.0
"""What was begun so long ago and not finished, was begun by a process that died."""
_OUT_OF_SIGHT: Final = ".old-"


@contextmanager
def removed(directory: Path) -> Iterator[None]:
    """Take a directory out of sight at once, and remove it when the block is over. Where the block raises, it is put
    back, unless something else is in its place by then; until then nobody else sweeps it up.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    aside = directory.with_name(f"{_OUT_OF_SIGHT}{secrets.token_hex(4)}")
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)  # let go by the kernel where this process dies
        directory.rename(aside)
        try:
            yield
        except BaseException:
            with suppress(OSError):
                aside.rename(directory)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        os.close(held)


def sweep(registry: Path, bundles: Path, notes: Path) -> None:
    """Remove what is left in the directory of a registry by processes that died, and of removals that failed: what is
    out of sight, what was long being written, and notes whose bundle is gone."""
    aside = {left: _is_held(left) for left in bundles.glob(f"{_OUT_OF_SIGHT}*")}
    for left, in_use in aside.items():
        if not in_use:
            shutil.rmtree(left, ignore_errors=True)
    for left in (*registry.glob(".writing-*"), *registry.glob("*/.writing-*")):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    if any(aside.values()):
        return  # a bundle may be put back, and wants its note then
    for note in notes.glob("*.json"):
        if not (bundles / note.stem).exists() and _is_abandoned(note):  # one that is being added has its note first
            with suppress(OSError):
                note.unlink()


def _is_held(directory: Path) -> bool:
    """Whether somebody is about to remove it, or to put it back."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # gone meanwhile, or no directory
        return False
    try:
        return not locked_now(descriptor)
    finally:
        os.close(descriptor)


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except OSError:  # gone meanwhile
        return False
