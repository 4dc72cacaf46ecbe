"""`inspectd cameras`: what is connected, and how a configuration names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspectd.cameras.aravis.discovery import discover as discover_aravis
from inspectd.cameras.images import natural_key

VIDEO_CLASS: Final = Path("/sys/class/video4linux")
BY_ID: Final = Path("/dev/v4l/by-id")


@dataclass(frozen=True)
class Connected:
    """A camera that can be used."""

    source: str
    """What to write in a configuration."""
    what: str
    """What it is, in words."""


def video_devices(video_class: Path = VIDEO_CLASS, by_id: Path = BY_ID) -> Iterator[Connected]:
    """Video4Linux devices. One camera may have several nodes, of which the first (index 0) takes pictures."""
    lasting = {link.resolve().name: link for link in sorted(by_id.glob("*"))}
    for node in sorted(video_class.glob("video*"), key=lambda node: natural_key(node.name)):
        if _read(node / "index") != "0":
            continue
        # The name by id stays the same whatever else is plugged in.
        device = lasting.get(node.name, Path("/dev") / node.name)
        yield Connected(f"opencv:{device}", f"{_read(node / 'name')} (Video4Linux, /dev/{node.name})")


def network_and_usb_cameras() -> Iterator[Connected]:
    """GigE Vision and USB3 Vision cameras; takes about a second.

    Raises:
        CameraError: Aravis, which finds them, is not installed.
    """
    for camera in discover_aravis():
        yield Connected(camera.source, f"{camera.vendor} {camera.model} ({camera.protocol}, {camera.address})")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
