"""The pictures that a fit learns from and is measured on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.errors import OutputError
from tools.fit.asked import FitOptions
from tools.fit.cache import check_folder
from tools.fit.lessons import Lessons, find_lessons
from tools.fit.pictures import PictureFile, find_defective, find_good
from tools.fit.steps import Steps


@dataclass(frozen=True)
class Found:
    """Good pictures, with those of false alarms; defective ones; and what was labelled."""

    good: list[PictureFile]
    defective: list[PictureFile]
    lessons: Lessons


def find_pictures(options: FitOptions, steps: Steps) -> Found:
    """Read the pictures, once it is certain that what comes of them can be written.

    Raises:
        OutputError: the bundle or the feature cache cannot be written there.
        PictureError: pictures that cannot be learned from.
        ArchiveError: the archive with the labels cannot be read.
    """
    _check_writable(options.out)
    check_folder(options.cache)
    group = re.compile(options.group) if options.group is not None else None
    with steps.step("reading pictures"):
        good = find_good(options.good, skip=options.skip_unreadable, group=group)
        defective = (
            find_defective(options.defects, options.good, skip=options.skip_unreadable) if options.defects else []
        )
        lessons = find_lessons(options.labels, options.regression, options.surface, skip=options.skip_unreadable)
    return Found(good + lessons.false_alarms, defective, lessons)


def _check_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writing-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"--out {out}: cannot be written: {error.strerror or error}; name another folder") from error
