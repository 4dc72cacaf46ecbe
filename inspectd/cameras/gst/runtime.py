"""GStreamer, loaded when the first camera asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from inspectd.cameras.gst.packages import CAMERA_PACKAGES, install_command
from inspectd.cameras.introspection import load
from inspectd.errors import CameraError

HARDWARE_DECODERS: Final = ("nvv4l2decoder", "nvh264dec", "nvh265dec", "nvh264sldec", "nvh265sldec")
"""NVIDIA's, of Jetsons and of graphics cards."""
_FIRST_CHOICE: Final = 1024
"""Above every rank that GStreamer's own elements have (GST_RANK_PRIMARY is 256)."""


@dataclass(frozen=True)
class Runtime:
    """The namespaces in use."""

    gst: ModuleType
    video: ModuleType
    glib_error: Any
    """What GStreamer raises."""

    def has(self, element: str) -> bool:
        """Whether an element is installed."""
        return self.gst.ElementFactory.find(element) is not None

    def prefer_hardware(self, preferred: bool) -> None:
        """Have `decodebin` take a hardware decoder first where there is one, or never. Holds for this process."""
        rank = _FIRST_CHOICE if preferred else int(self.gst.Rank.NONE)
        for name in HARDWARE_DECODERS:
            factory = self.gst.ElementFactory.find(name)
            if factory is not None:
                factory.set_rank(rank)


def load_runtime() -> Runtime:
    """Load and initialise GStreamer.

    Raises:
        CameraError: it is not installed; the message says what to install.
    """
    try:
        glib, gst, video = load("GLib", "2.0"), load("Gst", "1.0"), load("GstVideo", "1.0")
    except CameraError as error:
        raise CameraError(f"{error}; all that cameras need: {install_command(CAMERA_PACKAGES)}") from error
    gst.init(None)
    return Runtime(gst, video, glib.Error)
