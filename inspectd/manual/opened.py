"""A camera of a configuration, opened by a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inspectd.cameras.base import BadPicture, Camera, Picture
from inspectd.cameras.build import build_camera, trigger_mode
from inspectd.errors import SettingsError
from inspectd.settings import CameraSettings, Settings, TriggerMode


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

    def __init__(self, camera: Camera, *, triggered: bool) -> None:
        """`triggered`: a picture is taken by the software trigger, which is given here."""
        self._camera = camera
        self._triggered = triggered

    def take(self) -> Picture | BadPicture | None:
        """Take a picture. See `Camera.read`."""
        if self._triggered:
            self._camera.trigger()
        return self._camera.read()


@contextmanager
def opened(settings: CameraSettings) -> Iterator[OpenCamera]:
    """Open a camera for as long as the block lasts.

    Raises:
        CameraError: it cannot be opened, as where the daemon holds it.
    """
    camera = build_camera(settings)
    try:
        camera.open()
        yield OpenCamera(camera, triggered=trigger_mode(settings) is TriggerMode.SOFTWARE)
    finally:
        camera.close()
