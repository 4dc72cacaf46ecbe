"""Setting GenICam features by name. The camera describes each of them: its type, its range, its choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from inspectd.cameras.aravis.binding import aravis, told_as_camera_error
from inspectd.errors import CameraError
from inspectd.settings import Feature


class FeatureWriter:
    """Sets features of one camera, checking each value against what the camera says of it."""

    def __init__(self, camera: Any) -> None:
        """`camera` is an `Aravis.Camera`."""
        self._camera = camera
        self._library = aravis()

    def has(self, name: str) -> bool:
        """Whether the camera has this feature and offers it as it is set now."""
        with told_as_camera_error(name):
            return bool(self._camera.is_feature_available(name))

    def write(self, name: str, value: Feature, key: str) -> None:
        """Set feature `name`; `key` is the setting it comes from.

        Raises:
            CameraError: there is no such feature, it cannot be set now, or the value is none that it takes; the message
                names what would do.
        """
        said = f"{key} = {value!r}"
        node = self._camera.get_device().get_feature(name)
        if node is None or isinstance(node, self._library.GcCategory):
            raise CameraError(f"{said}: the camera has no feature {name}{self._similar(name)}")
        with told_as_camera_error(said):
            if not isinstance(node, self._library.GcFeatureNode) or not node.is_available():
                raise CameraError(f"{said}: the camera does not offer {name} as it is set now")
            if node.get_actual_access_mode() == self._library.GcAccessMode.RO:
                raise CameraError(f"{said}: {name} can only be read, not set")
            self._write(node, name, value, said)

    def _write(self, node: Any, name: str, value: Feature, said: str) -> None:
        """An enumeration is an integer and a text as well, so it comes before both."""
        library = self._library
        if isinstance(node, library.GcCommand):
            self._run(name, value, said)
        elif isinstance(node, library.GcEnumeration):
            self._choose(name, value, said)
        elif isinstance(node, library.GcBoolean):
            self._switch(name, value, said)
        elif isinstance(node, library.GcFloat):
            self._write_float(name, value, said)
        elif isinstance(node, library.GcInteger):
            self._write_integer(name, value, said)
        elif isinstance(node, library.GcString):
            self._write_text(name, value, said)
        else:
            raise CameraError(f"{said}: {name} is no feature that holds a value")

    def _run(self, name: str, value: Feature, said: str) -> None:
        if value is not True:
            raise CameraError(f"{said}: {name} is a command; true runs it, and to leave it alone leave it out")
        self._camera.execute_command(name)

    def _choose(self, name: str, value: Feature, said: str) -> None:
        choices = self._camera.dup_available_enumerations_as_strings(name)
        if value not in choices:
            raise CameraError(f"{said}: {name} is one of {', '.join(choices)}")
        self._camera.set_string(name, value)

    def _switch(self, name: str, value: Feature, said: str) -> None:
        if not isinstance(value, bool):
            raise CameraError(f"{said}: {name} is true or false")
        self._camera.set_boolean(name, value)

    def _write_float(self, name: str, value: Feature, said: str) -> None:
        low, high = self._camera.get_float_bounds(name)
        if isinstance(value, bool | str) or not low <= value <= high:
            raise CameraError(f"{said}: {name} is a number from {low:g} to {high:g}")
        self._camera.set_float(name, float(value))

    def _write_integer(self, name: str, value: Feature, said: str) -> None:
        low, high = self._camera.get_integer_bounds(name)
        step = max(1, self._camera.get_integer_increment(name))
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high or (value - low) % step:
            steps = f" in steps of {step}" if step > 1 else ""
            raise CameraError(f"{said}: {name} is a whole number from {low} to {high}{steps}")
        self._camera.set_integer(name, value)

    def _write_text(self, name: str, value: Feature, said: str) -> None:
        if not isinstance(value, str):
            raise CameraError(f"{said}: {name} is a text")
        self._camera.set_string(name, value)

    def _similar(self, name: str) -> str:
        similar = difflib.get_close_matches(name, sorted(self._names("Root")), n=3)
        return f"; did you mean {' or '.join(similar)}?" if similar else "; its manual lists its features"

    def _names(self, category: str) -> Iterator[str]:
        for name in self._camera.get_device().get_feature(category).get_features():
            node = self._camera.get_device().get_feature(name)
            if isinstance(node, self._library.GcCategory):
                yield from self._names(name)
            else:
                yield name
