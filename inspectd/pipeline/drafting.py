"""Writing verdicts: what is known of a frame and what was said of it, put into a draft."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.bundle import Bundle
from inspectd.frames import LostFrame
from inspectd.judge import Judgement
from inspectd.pipeline.ledger import OpenFrame
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import Outcome, Reason


@dataclass(frozen=True)
class Drafter:
    """Writes the drafts of one bundle's verdicts."""

    bundle: Bundle
    deadline_ms: Mapping[str, float]
    """By camera."""
    mm_per_px: Mapping[str, float | None]
    """By camera."""

    def judged(self, opened: OpenFrame, judgement: Judgement) -> VerdictDraft:
        """PASS or FAIL."""
        return VerdictDraft(
            **self._of_frame(opened),
            outcome=judgement.outcome,
            score=judgement.score,
            regions=judgement.regions,
            regions_omitted=judgement.regions_omitted,
        )

    def error(self, opened: OpenFrame, reason: Reason, detail: str) -> VerdictDraft:
        """ERROR for a frame that was entered in the ledger."""
        return VerdictDraft(**self._of_frame(opened), outcome=Outcome.ERROR, reason=reason, detail=detail)

    def lost(self, lost: LostFrame) -> VerdictDraft:
        """ERROR for a frame that was taken but never came."""
        return VerdictDraft(
            **self._of_camera(lost.camera),
            frame=lost.number,
            source=lost.source,
            captured_utc_ns=lost.captured_utc_ns,
            captured_monotonic_ns=lost.captured_monotonic_ns,
            outcome=Outcome.ERROR,
            reason=lost.reason,
            detail=lost.detail,
        )

    def camera_lost(self, camera: str, detail: str) -> VerdictDraft:
        """ERROR for a camera, without a frame."""
        return VerdictDraft(
            **self._of_camera(camera),
            frame=None,
            source=None,
            captured_utc_ns=time.time_ns(),
            captured_monotonic_ns=time.monotonic_ns(),
            outcome=Outcome.ERROR,
            reason=Reason.CAMERA_LOST,
            detail=detail,
        )

    def _of_frame(self, opened: OpenFrame) -> dict[str, Any]:
        frame = opened.frame
        return self._of_camera(frame.camera) | {
            "frame": frame.number,
            "source": frame.source,
            "height": frame.pixels.shape[0],
            "width": frame.pixels.shape[1],
            "captured_utc_ns": frame.captured_utc_ns,
            "captured_monotonic_ns": frame.captured_monotonic_ns,
        }

    def _of_camera(self, camera: str) -> dict[str, Any]:
        return {
            "camera": camera,
            "surface": self.bundle.surface,
            "bundle": self.bundle.path.name,
            "threshold": self.bundle.calibration.threshold,
            "mm_per_px": self.mm_per_px[camera],
            "deadline_ms": self.deadline_ms[camera],
            "decided_utc_ns": time.time_ns(),
            "decided_monotonic_ns": time.monotonic_ns(),
        }
