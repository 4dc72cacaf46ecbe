"""`inspectd record`: pictures of good parts, to train on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from engines.durable import sync_directory
from inspectd.cameras.base import BadPicture, Picture
from inspectd.cameras.build import is_live, trigger_mode
from inspectd.errors import OutputError
from inspectd.manual.opened import OpenCamera, camera_named, opened
from inspectd.manual.pictures import to_png, write_new_picture
from inspectd.settings import Settings, TriggerMode


def record(settings: Settings, name: str, folder: Path, count: int, every_s: float) -> Iterator[Path | BadPicture]:
    """Write `count` frames of camera `name` to `folder`, at least `every_s` seconds apart.

    Yields each file as it is written, and each frame that was not whole. Ends early where the source does.

    Raises:
        SettingsError: there is no such camera.
        CameraError: the camera cannot be opened or is lost.
        OutputError: a file cannot be written.
    """
    camera = camera_named(settings, name)
    _make(folder)
    paced = Pace(every_s, waits=not is_live(camera) or trigger_mode(camera) is TriggerMode.SOFTWARE)
    written = 0
    with opened(camera) as open_camera:
        while written < count and (picture := paced.take(open_camera)) is not None:
            if isinstance(picture, Picture):
                yield _write(folder, name, picture)
                written += 1
            else:
                yield picture
    sync_directory(folder)


class Pace:
    """Pictures at least so far apart. A live camera's frames in between are let go; others are waited with."""

    def __init__(self, every_s: float, *, waits: bool) -> None:
        self._every_s = every_s
        self._waits = waits
        self._due = 0.0

    def take(self, camera: OpenCamera) -> Picture | BadPicture | None:
        """The next picture that is due; None where there are no more."""
        if self._waits:
            time.sleep(max(0.0, self._due - time.monotonic()))
        picture = camera.take()
        while picture is not None and time.monotonic() < self._due:
            picture = camera.take()
        if isinstance(picture, Picture):
            self._due = time.monotonic() + self._every_s
        return picture


def _write(folder: Path, name: str, picture: Picture) -> Path:
    taken = datetime.fromtimestamp(picture.captured_utc_ns / 1e9, UTC)
    stem = f"{name}-{taken:%Y%m%dT%H%M%S}.{taken.microsecond:06d}Z"
    return write_new_picture(folder, stem, to_png(picture.pixels, picture.pixel_format))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}; name another folder") from error
