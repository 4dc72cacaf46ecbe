"""GObject libraries (Aravis, GStreamer) through Debian's python3-gi, imported only in the process that asks for them.

A virtual environment does not see Debian's packages. Only the package `gi` is taken from there, not its directory, so
that none of Debian's other packages stands in for one of the environment's.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Final

from inspectd.errors import CameraError

DEBIAN_PACKAGES: Final = "/usr/lib/python3/dist-packages"
"""Where Debian and Ubuntu put Python packages."""
_TYPELIBS: Final = {
    "Aravis": "gir1.2-aravis-0.8",
    "Gst": "gir1.2-gstreamer-1.0",
    "GstApp": "gir1.2-gst-plugins-base-1.0",
    "GstVideo": "gir1.2-gst-plugins-base-1.0",
}
"""The Debian package of each namespace."""


def load(namespace: str, version: str) -> ModuleType:
    """Import a namespace, as `load("Aravis", "0.8")`.

    Raises:
        CameraError: it is not installed; the message says what to install.
    """
    gi = _gi()
    try:
        gi.require_version(namespace, version)
        return importlib.import_module(f"gi.repository.{namespace}")
    except (ValueError, ImportError) as error:
        package = _TYPELIBS.get(namespace, f"gir1.2-{namespace.lower()}-{version}")
        raise CameraError(
            f"{namespace} {version} is not installed ({error}); on Debian and Ubuntu: sudo apt install {package}"
        ) from error


def _gi() -> ModuleType:
    try:
        if importlib.util.find_spec("gi") is None:
            return _debians_gi()
        return importlib.import_module("gi")
    except ImportError as error:
        raise CameraError(
            f"PyGObject cannot be imported by this Python {sys.version_info.major}.{sys.version_info.minor} ({error}); "
            "on Debian and Ubuntu: sudo apt install python3-gi, which serves the system's own version of Python; "
            "for another version: pip install 'inspectd[gstreamer]'"
        ) from error


def _debians_gi() -> ModuleType:
    spec = PathFinder.find_spec("gi", [DEBIAN_PACKAGES])
    if spec is None or spec.loader is None:
        raise ImportError(f"no package 'gi' in this environment or in {DEBIAN_PACKAGES}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules["gi"]
        raise
    return module
