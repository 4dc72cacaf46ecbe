"""What a person said of an entry."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.durable import sync_directory, write_synced
from inspectd.archive.layout import LABEL, RECORD
from inspectd.errors import ArchiveError, EntryGoneError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Opinion(StrEnum):
    """What a person sees."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


class Label(BaseModel):
    """An entry's `.label.json`. An entry that has one is never removed by the daemon."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    archive: Literal[1] = 1
    """Version of the layout."""
    opinion: Opinion
    who: str = Field(min_length=1, max_length=64)
    labelled_utc: str
    note: str = Field(default="", max_length=1000)


def read_label(stem: Path) -> Label | None:
    """The label of the entry whose files begin with `stem`; None where it has none.

    Raises:
        ArchiveError: it cannot be read.
    """
    file = with_suffix(stem, LABEL)
    try:
        return Label.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ArchiveError(f"{file}: no label; delete it and label the picture again") from error


def write_label(stem: Path, label: Label | None) -> None:
    """Label the entry, durably, in place of what it was labelled; None takes its label away.

    Raises:
        EntryGoneError: the entry is gone.
        ArchiveError: it cannot be written.
    """
    file = with_suffix(stem, LABEL)
    try:
        with held(stem) as there:
            if not there:
                raise EntryGoneError(f"{stem.name}: no longer in the archive; it was removed to make room")
            _replace(file, label)
    except OSError as error:
        to_do = what_to_do(error, "label as a user who may write to the archive")
        raise ArchiveError(f"{file}: cannot be written: {error.strerror}; {to_do}") from error


def what_to_do(error: OSError, otherwise: str) -> str:
    """What a person is to do where something cannot be written; `otherwise` where the disk is not full."""
    return "make room on its disk, then label the picture again" if error.errno in _FULL else otherwise


@contextmanager
def held(stem: Path) -> Iterator[bool]:
    """Within the block nobody else labels or removes the entry; False where it is gone. Waits for whoever does."""
    record = with_suffix(stem, RECORD)
    try:
        descriptor = os.open(record, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield os.fstat(descriptor).st_nlink > 0
    finally:
        os.close(descriptor)


def with_suffix(stem: Path, suffix: str) -> Path:
    """The file of an entry."""
    return stem.with_name(stem.name + suffix)


def _replace(file: Path, label: Label | None) -> None:
    if label is None:
        with suppress(FileNotFoundError):
            file.unlink()
    else:
        # Always the same name, so that what a crash leaves is overwritten the next time.
        unfinished = file.with_name(f".labelling-{file.name}")
        try:
            write_synced(unfinished, (label.model_dump_json(indent=1) + "\n").encode(), "wb")
            unfinished.replace(file)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
    sync_directory(file.parent)
