"""A camera of a configuration, opened by a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.build import build_camera, trigger_mode
from inspectd.errors import SettingsError
from inspectd.settings import CameraSettings, Settings, TriggerMode
from inspectd.view.flat_field import FlatField, load_flat_field


def camera_named(settings: Settings, name: str) -> CameraSettings:
    """The settings of one camera.

    Raises:
        SettingsError: there is none of this name; the message lists those there are.
    """
    try:
        return settings.cameras[name]
    except KeyError:
        raise SettingsError(f"there is no camera '{name}'; the cameras are {', '.join(settings.cameras)}") from None


class OpenCamera:
    """An open camera that takes a picture when asked to."""

    def __init__(self, camera: Camera, *, triggered: bool, flat: FlatField | None = None) -> None:
        """`triggered`: a picture is taken by the software trigger, which is given here. `flat` corrects pictures."""
        self._camera = camera
        self._triggered = triggered
        self._flat = flat

    def take(self) -> Picture | BadPicture | None:
        """Take a picture, corrected as the daemon would. See `Camera.read`."""
        if self._triggered:
            self._camera.trigger()
        picture = self._camera.read()
        return self._corrected(picture, self._flat) if self._flat and isinstance(picture, Picture) else picture

    def _corrected(self, picture: Picture, flat: FlatField) -> Picture | BadPicture:
        problem = flat.problem(picture.pixels.shape)
        if problem is not None:
            return BadPicture(problem, picture.captured_monotonic_ns, picture.captured_utc_ns, picture.source)
        pixels = np.empty(picture.pixels.shape, np.uint8)
        flat.correct(picture.pixels, picture.pixel_format, pixels)
        return replace(picture, pixels=pixels)


@contextmanager
def opened(settings: CameraSettings) -> Iterator[OpenCamera]:
    """Open a camera for as long as the block lasts.

    Raises:
        CameraError: it cannot be opened, as where the daemon holds it.
        ViewError: its flat field cannot be used.
    """
    flat = None if settings.flat_field is None else load_flat_field(settings.flat_field)
    camera = build_camera(settings)
    try:
        camera.open()
        yield OpenCamera(camera, triggered=trigger_mode(settings) is TriggerMode.SOFTWARE, flat=flat)
    finally:
        camera.close()
