"""Finding the pictures to learn from, and refusing those that cannot be learned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspectd.archive.areas import decode_area
from inspectd.view.area import cells_inside
from tools.errors import PictureError
from tools.pictures import SUFFIXES, decode_rgb, list_pictures, read_rgb

FLAT = 2
"""A picture whose darkest and brightest pixel lie this few grey levels apart shows no surface."""
SMALLEST = 32
"""Least side of a picture, px: below it there is no room for a defect beside what is good."""
_NOT_DEFECTS = frozenset({"good", "ground_truth"})


@dataclass(frozen=True)
class PictureFile:
    """A picture that was read once and found whole. Pixels are read again when wanted, so a folder may be large."""

    path: Path
    sha256: str
    """Of the file's bytes."""
    height: int
    """px."""
    width: int
    label: str = "good"
    """The folder that a defective picture came from."""
    group: str = ""
    """What it shares with pictures that are not independent of it; empty where it stands alone."""
    picked: bool = False
    """It was picked out because of its score. It may be learned from but not held out: the threshold is promised for
    pictures as they come."""
    area: bytes | None = None
    """What of it is inspected (see `decode_area`); None for all."""

    def inspected(self) -> NDArray[np.bool_] | None:
        """Which of its pixels, H×W, are inspected; None for all."""
        return None if self.area is None else decode_area(self.area)

    def inspected_cells(self, cell: int) -> NDArray[np.bool_] | None:
        """Which cells of its map, of `cell` px, count; None for all.

        Raises:
            PictureError: none does.
        """
        inside = self.inspected()
        if inside is None:
            return None
        cells = cells_inside(inside, cell)
        if not cells.any():
            raise PictureError(
                f"{self.path}: what of it is inspected is too narrow for cells of {cell} px; take its label back"
            )
        return cells

    def read(self) -> NDArray[np.uint8]:
        """H×W×3 RGB.

        Raises:
            PictureError: it has become unreadable since it was found.
        """
        return read_rgb(self.path)


@dataclass(frozen=True)
class Refused:
    """A picture that cannot be learned from."""

    path: Path
    reason: str


def find_good(
    folder: Path,
    *,
    skip: bool,
    group: re.Pattern[str] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> list[PictureFile]:
    """Read every picture that lies directly in `folder`.

    Args:
        folder: of good pictures.
        skip: leave out the ones that cannot be used, rather than refuse them all.
        group: searched in each file's name; what its first capturing group found, or all of it where it has none, is
            the picture's group. Without it every picture stands alone.
        progress: called after each picture.

    Raises:
        PictureError: there are none, or some cannot be used; each is named with its reason. Or `group` finds nothing
            in some file's name.
    """
    return read_good(list_pictures(folder), folder, skip=skip, group=group, progress=progress)


def read_good(
    files: Sequence[Path],
    folder: Path,
    *,
    skip: bool,
    group: re.Pattern[str] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> list[PictureFile]:
    """Read these files of `folder`; otherwise as `find_good`."""
    # Names come before pixels: reading thousands of pictures takes minutes.
    groups = _groups(files, folder, group) if group is not None else {}
    pictures = _find(files, folder, "--good", skip=skip, progress=progress)
    return [replace(picture, group=groups.get(picture.path, "")) for picture in pictures]


def find_defective(folder: Path, good: Path, *, skip: bool) -> list[PictureFile]:
    """Read the pictures in `folder` and its sub-folders, leaving out `good` and `ground_truth`.

    Raises:
        PictureError: it is the folder of good pictures, or as `find_good`.
    """
    if folder.resolve() == good.resolve():
        raise PictureError(
            f"--good and --defects are the same folder, {folder}; defective pictures must lie apart from good ones"
        )
    folders = [folder] + [
        entry
        for entry in sorted(folder.iterdir() if folder.is_dir() else [])
        if entry.is_dir() and entry.name not in _NOT_DEFECTS and entry.resolve() != good.resolve()
    ]
    files = [file for entry in folders for file in list_pictures(entry)]
    return _find(files, folder, "--defects", skip=skip)


def find_picked(files: Sequence[Path], folder: Path, *, skip: bool) -> list[PictureFile]:
    """Read these good pictures, which were picked out of the archive `folder`.

    Raises:
        PictureError: some cannot be used, as `find_good`.
    """
    return [replace(picture, label="good", picked=True) for picture in _find(files, folder, "--labels", skip=skip)]


def find_cases(files: Sequence[Path], folder: Path) -> list[PictureFile]:
    """Read the pictures of the regression set `folder`; none is left out.

    Raises:
        PictureError: some cannot be used, as `find_good`.
    """
    return _find(files, folder, "--regression", skip=False)


def _find(
    files: Sequence[Path], folder: Path, option: str, *, skip: bool, progress: Callable[[], None] = lambda: None
) -> list[PictureFile]:
    if not files:
        raise PictureError(
            f"{option} {folder}: no picture in this folder; pictures end with {', '.join(sorted(SUFFIXES))}"
        )
    pictures: list[PictureFile] = []
    refused: list[Refused] = []
    for file in files:
        examined = _examine(file, folder)
        if isinstance(examined, Refused):
            refused.append(examined)
        else:
            pictures.append(examined)
        progress()
    if refused and (not skip or not pictures):
        raise PictureError(_refusal(option, folder, refused, len(files)))
    return pictures


def _groups(files: Sequence[Path], folder: Path, pattern: re.Pattern[str]) -> dict[Path, str]:
    found = {file: pattern.search(file.name) for file in files}
    # An empty group would make strangers of pictures that belong together, so it counts as none.
    groups = {file: match[min(1, pattern.groups)] or "" for file, match in found.items() if match}
    without = [file for file in files if not groups.get(file)]
    if without:
        raise PictureError(
            f"--group '{pattern.pattern}': finds no group in the names of {len(without)} of {len(files)} pictures in "
            f"{folder}, the first is {without[0].name}; widen the pattern so that it finds one in each"
        )
    return groups


def _examine(file: Path, folder: Path) -> PictureFile | Refused:
    try:
        data = file.read_bytes()
        pixels = decode_rgb(file, data)
    except OSError as error:
        return Refused(file, f"cannot be read: {error.strerror or error}")
    except PictureError as error:
        return Refused(file, str(error).removeprefix(f"{file}: "))
    if int(pixels.max()) - int(pixels.min()) <= FLAT:
        return Refused(file, f"is all one grey ({pixels.max()}); it shows no surface")
    if min(pixels.shape[:2]) < SMALLEST:
        return Refused(file, f"is {pixels.shape[1]}×{pixels.shape[0]} px; each side must have {SMALLEST} at least")
    label = "defect" if file.parent == folder else file.parent.name
    return PictureFile(file, hashlib.sha256(data).hexdigest(), pixels.shape[0], pixels.shape[1], label)


def _refusal(option: str, folder: Path, refused: Sequence[Refused], count: int) -> str:
    shown = "\n".join(f"  {entry.path.name}: {entry.reason}" for entry in refused[:20])
    more = f"\n  and {len(refused) - 20} more" if len(refused) > 20 else ""
    way_out = (
        "take or copy the pictures again"
        if len(refused) == count
        else "replace or remove them, or leave them out with --skip-unreadable"
    )
    return f"{option} {folder}: {len(refused)} of {count} pictures cannot be used; {way_out}:\n{shown}{more}"
