"""An entry's files: written whole or not at all, and removed in the order that leaves no half of one."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.durable import sync_directory, write_synced
from engines.pixels import PixelFormat
from inspectd.archive.areas import AREA
from inspectd.archive.backlog import Copy
from inspectd.archive.labels import held, with_suffix
from inspectd.archive.layout import LABEL, MAP, PICTURE, RECORD, UNFINISHED
from inspectd.archive.record import Record
from inspectd.wire.drafts import MapDraft

Files = dict[str, bytes]
"""An entry's, by what comes after its name."""

_FLOAT16_MAX: Final = float(np.finfo(np.float16).max)


def encode_png(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> bytes:
    """The picture, grey or RGB, lossless.

    Raises:
        cv2.error: it cannot be encoded.
    """
    if pixel_format is PixelFormat.RGB8:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    return cv2.imencode(PICTURE, pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def entry_files(copy: Copy, png: bytes | None, area: bytes | None = None) -> Files:
    """The files of an entry, the record last. `png` is its picture; `area`, also a PNG,
    what of it is inspected, where that is not all."""
    files: Files = {} if png is None else {PICTURE: png}
    if copy.distance_map is not None:
        files[MAP] = _npz(copy.distance_map, area)
    pixel_format = None if copy.picture is None else copy.picture.pixel_format
    record = Record(pixel_format=pixel_format, has_map=MAP in files, verdict=copy.verdict)
    return files | {RECORD: (record.model_dump_json(indent=1) + "\n").encode()}


def write_entry(stem: Path, files: Files, written_s: float) -> None:
    """Write an entry below an archive that is there, durably. It is there once its record is; nothing is left of one
    that could not be written.

    Raises:
        OSError: it cannot be written.
    """
    _make_directory(stem.parent)
    unfinished = {suffix: stem.with_name(f"{UNFINISHED}{stem.name}{suffix}") for suffix in files}
    try:
        for suffix, file in unfinished.items():
            write_synced(file, files[suffix], "wb")
        os.utime(unfinished[RECORD], (written_s, written_s))
        for suffix, file in unfinished.items():
            if suffix == RECORD:  # what it speaks of is durable before it is
                sync_directory(stem.parent)
            file.replace(with_suffix(stem, suffix))
        sync_directory(stem.parent)
    except OSError:
        _remove_files(stem, (RECORD, *files))
        for file in unfinished.values():
            with suppress(OSError):
                file.unlink()
        raise


def remove_entry(stem: Path) -> bool:
    """Remove an entry; False where a person has labelled it, and it stays.

    Raises:
        OSError: it cannot be removed.
    """
    with held(stem):
        if with_suffix(stem, LABEL).exists():
            return False
        for suffix in (RECORD, PICTURE, MAP):
            with suppress(FileNotFoundError):
                with_suffix(stem, suffix).unlink()
    for directory in (stem.parent, stem.parent.parent):
        with suppress(OSError):  # others are in it
            directory.rmdir()
    return True


def _make_directory(directory: Path) -> None:
    """A camera's, in a day's, in an archive that is not made here: where its disk is gone, so is it."""
    for missing in (directory.parent, directory):
        with suppress(FileExistsError):
            missing.mkdir()
            sync_directory(missing.parent)


def _remove_files(stem: Path, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        with suppress(OSError):
            with_suffix(stem, suffix).unlink()


def _npz(distance_map: MapDraft, area: bytes | None) -> bytes:
    file = io.BytesIO()
    distance = np.minimum(distance_map.distance, _FLOAT16_MAX).astype(np.float16)
    arrays = {} if area is None else {AREA: np.frombuffer(area, np.uint8)}
    np.savez_compressed(file, allow_pickle=False, distance=distance, cell=np.int32(distance_map.cell), **arrays)
    return file.getvalue()
