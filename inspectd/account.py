"""What the daemon tells of itself, put together from its parts as far as they are there."""

from __future__ import annotations

from calib.calibration import Calibration
from engines.bundle import Bundle
from inspectd.capture.supervisor import CaptureSupervisor
from inspectd.drift import DriftMonitor
from inspectd.pipeline.inspector import Inspector
from inspectd.pipeline.model import Model
from inspectd.publisher import DaemonStatus
from inspectd.vitals import Vitals
from inspectd.wire.models import CameraStatus, DaemonState


class Account:
    """Any thread asks; the daemon's own says what there is by now."""

    def __init__(self, bundle: Bundle, calibration: Calibration, drift_window: int) -> None:
        """`bundle` and `calibration` are what is going to judge; they are not kept. `drift_window` is in frames."""
        self.state = DaemonState.STARTING
        self.inspector: Inspector | None = None
        self.capture: CaptureSupervisor | None = None
        self.vitals: Vitals | None = None
        self.drift = DriftMonitor(drift_window, self._model)
        self._at_first = bundle.surface, bundle.path.name, calibration.threshold

    def status(self) -> DaemonStatus:
        """For a heartbeat."""
        model = self._model()
        surface, bundle, threshold = (model.bundle.surface, model.name, model.threshold) if model else self._at_first
        return DaemonStatus(
            state=self.state,
            surface=surface,
            bundle=bundle,
            threshold=threshold,
            cameras=self._cameras(),
            open_frames=self.inspector.open_frames if self.inspector else 0,
        )

    def _model(self) -> Model | None:
        return self.inspector.model if self.inspector else None

    def _cameras(self) -> tuple[CameraStatus, ...]:
        inspector, capture = self.inspector, self.capture
        if inspector is None or capture is None:
            return ()
        return tuple(
            status.model_copy(
                update={
                    "untriggered": inspector.untriggered(status.camera),
                    "uninspected_mm": inspector.uninspected_mm(status.camera),
                    "drift": self.drift.drift(status.camera),
                }
            )
            for status in capture.status()
        )
