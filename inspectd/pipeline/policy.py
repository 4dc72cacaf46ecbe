"""What inspection must know of a camera."""

from __future__ import annotations

from dataclasses import dataclass

from inspectd.pipeline.queues import QueuePolicy
from inspectd.settings import TriggerMode, WebSettings
from inspectd.view.view import WHOLE, View


@dataclass(frozen=True)
class CameraPolicy:
    """How one camera's frames wait, what of them counts, and by when."""

    deadline_ms: float
    queue: QueuePolicy
    mm_per_px: float | None
    """Its own scale; None for the bundle's, where that has one."""
    trigger: TriggerMode = TriggerMode.OFF
    view: View = WHOLE
    web: WebSettings | None = None
    """Where set, the scale is known, here or from the bundle."""
