"""A trigger from the control socket: opens its part, and has its cameras take their frames."""

from __future__ import annotations

from collections.abc import Mapping

from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.errors import TriggerRefusedError
from inspectd.pipeline.inspector import Inspector
from inspectd.settings import CameraSettings
from inspectd.wire.models import TriggerAccepted, TriggerRequest
from inspectd.wire.times import utc_text


def take_trigger(
    request: TriggerRequest, known: Mapping[str, CameraSettings], inspector: Inspector, capture: CaptureSupervisor
) -> TriggerAccepted:
    """Take a trigger; the part's verdict follows by its deadline, whatever happens.

    Raises:
        TriggerRefusedError: it names no camera that is `known`, or the part cannot be opened.
    """
    cameras = tuple(dict.fromkeys(request.cameras or known))
    unknown = [camera for camera in cameras if camera not in known]
    if unknown:
        raise TriggerRefusedError(f"cameras: no camera '{unknown[0]}'; there are {', '.join(known)}")
    deadline_ms = request.deadline_ms or max(known[camera].deadline_ms for camera in cameras)
    part = inspector.open_part(request.part, cameras, deadline_ms)
    for camera in cameras:
        problem = capture.fire(camera, part.id)
        if problem is not None:
            inspector.no_frame(camera, part, problem)
    return TriggerAccepted(
        part=part.id,
        cameras=cameras,
        deadline_ms=deadline_ms,
        triggered_utc=utc_text(part.triggered_utc_ns),
        triggered_monotonic_ns=part.triggered_monotonic_ns,
    )
