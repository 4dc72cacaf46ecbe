"""Taking control of a camera."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from inspectd.cameras.aravis.binding import aravis, told_as_camera_error
from inspectd.cameras.aravis.discovery import choose, discover, is_address, listed
from inspectd.errors import CameraError


def take_control(target: str) -> Any:
    """The `Aravis.Camera` that `target` names (see `discovery.choose`), not streaming and at our command.

    Raises:
        CameraError: it is not there, or another program holds it.
    """
    camera = _connect(target)
    if camera.is_gv_device() and not camera.get_device().is_controller():
        raise CameraError(
            "another program controls this camera: end it, be it a viewer or a running inspectd. After a program that "
            "was killed, the camera is free again when its heartbeat has timed out, in a few seconds"
        )
    with suppress(CameraError), told_as_camera_error("stop"):
        camera.stop_acquisition()  # a process that was killed leaves it streaming
    return camera


def _connect(target: str) -> Any:
    """An address is spoken to at once; a serial number must be found first, which takes a second."""
    name = target if is_address(target) else choose(target, discover()).id
    try:
        with told_as_camera_error("it cannot be opened"):
            return aravis().Camera.new(name)
    except CameraError as error:
        raise CameraError(
            f"{error}; check its power, cable and network, and that no other program has it. "
            f"Cameras here: {listed(discover())}"
        ) from error
