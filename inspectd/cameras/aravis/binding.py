"""The Aravis library, and its complaints as this package's own error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from inspectd.cameras.introspection import load
from inspectd.errors import CameraError


@cache
def aravis() -> Any:
    """The library.

    Raises:
        CameraError: it is not installed, or too old; the message says what to do.
    """
    library = load("Aravis", "0.8")
    if not hasattr(library.Buffer, "get_image_padding"):
        raise CameraError(
            "this Aravis is older than 0.8.23 and does not tell how rows are padded; Debian 12 and Ubuntu 24.04 have a "
            "newer one, elsewhere build it from its source"
        )
    return library


@contextmanager
def told_as_camera_error(doing: str) -> Iterator[None]:
    """What Aravis raises within becomes a `CameraError` that begins with `doing`."""
    try:
        yield
    except _glib_error() as error:
        # GLib's own words are in `message`; str() adds names of its inner parts.
        raise CameraError(f"{doing}: {getattr(error, 'message', error)}") from error


@cache
def _glib_error() -> type[Exception]:
    error: type[Exception] = load("GLib", "2.0").Error
    return error
