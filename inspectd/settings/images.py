"""Picture files as a camera."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from inspectd.settings.camera import CameraBase, DropPolicy, TriggerMode
from inspectd.settings.section import Positive


class ImagesCamera(CameraBase):
    """Picture files as a camera: a folder, a file or a glob pattern, in order of their names."""

    deadline_ms: Positive = 10_000.0
    """As for other cameras; longer, since files wait for the engine rather than run away from it."""

    source: str = Field(pattern=r"^images:.+")
    """`images:` and a folder, a file or a glob pattern."""
    drop: DropPolicy = DropPolicy.BLOCK
    """`oldest`, `newest` or `block`: what gives way when frames come too fast."""
    rate_hz: float = Field(default=0.0, ge=0)
    """Frames a second; 0 takes them as fast as they are inspected."""
    loop: bool = False
    """Begin again after the last picture."""
    preload: bool = False
    """Decode every picture once and keep it in memory, for measuring the daemon rather than the disk."""
    trigger: Literal[TriggerMode.OFF, TriggerMode.SOFTWARE] = TriggerMode.OFF
    """`software`: the next picture is taken when a trigger asks for it. Default: `off`, one after the other."""
