"""Writing verdicts: what is known of a frame and what was said of it, put into a draft."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inspectd.frames import Frame, LostFrame
from inspectd.judge import Judgement
from inspectd.pipeline.ledger import OpenFrame
from inspectd.pipeline.model import Model
from inspectd.pipeline.parts import Part
from inspectd.pipeline.triggers import AwaitedFrame, Claim
from inspectd.wire.drafts import PartDraft, VerdictDraft
from inspectd.wire.models import Outcome, PartFrame, Reason


@dataclass(frozen=True)
class Drafter:
    """Writes the drafts."""

    deadline_ms: Mapping[str, float]
    """By camera."""
    mm_per_px: Callable[[str, Model], float | None]
    """Scale of a camera under a model."""
    along_mm: Callable[[Frame | LostFrame], float | None]
    """Where a frame begins on the web."""
    across_mm: Mapping[str, float]
    """By camera; of those that look at a web."""

    def judged(self, opened: OpenFrame, judgement: Judgement) -> VerdictDraft:
        """PASS or FAIL; what is to be said of a web is added by `Web.judged`."""
        return VerdictDraft(
            **self._of_frame(opened),
            outcome=judgement.outcome,
            score=judgement.score,
            regions=judgement.regions,
            regions_omitted=judgement.regions_omitted,
        )

    def error(self, opened: OpenFrame, reason: Reason, detail: str) -> VerdictDraft:
        """ERROR for a frame that was entered in the ledger."""
        return VerdictDraft(
            **self._of_frame(opened),
            along_mm=self.along_mm(opened.frame),
            outcome=Outcome.ERROR,
            reason=reason,
            detail=detail,
        )

    def lost(self, lost: LostFrame, claim: Claim, model: Model) -> VerdictDraft:
        """ERROR for a frame that was taken but cannot be inspected; `model` would have judged it."""
        of_camera = self._of_camera(lost.camera, model)
        if lost.shown is not None:
            of_camera |= {"height": lost.shown.pixels.shape[0], "width": lost.shown.pixels.shape[1]}
        if claim.part is not None:
            of_camera |= {"part": claim.part.id, "deadline_ms": claim.part.left_ms(lost.captured_monotonic_ns)}
        return VerdictDraft(
            **of_camera,
            frame=lost.number,
            source=lost.source,
            untriggered=claim.untriggered,
            along_mm=self.along_mm(lost),
            captured_utc_ns=lost.captured_utc_ns,
            captured_monotonic_ns=lost.captured_monotonic_ns,
            outcome=Outcome.ERROR,
            reason=lost.reason,
            detail=lost.detail,
        )

    def no_frame(self, awaited: AwaitedFrame, reason: Reason, detail: str) -> VerdictDraft:
        """ERROR for a frame that was triggered but never came."""
        part = awaited.part
        return VerdictDraft(
            **self._of_camera(awaited.camera, part.model) | {"part": part.id, "deadline_ms": part.deadline_ms},
            frame=None,
            source=None,
            captured_utc_ns=part.triggered_utc_ns,
            captured_monotonic_ns=part.triggered_monotonic_ns,
            outcome=Outcome.ERROR,
            reason=reason,
            detail=detail,
        )

    def part(self, part: Part) -> PartDraft:
        """Over all of a part's frames, each of which has its verdict."""
        outcome = part.outcome
        why = next((said for said in part.said if said.outcome is outcome), None) if outcome is Outcome.ERROR else None
        return PartDraft(
            part=part.id,
            surface=part.model.bundle.surface,
            bundle=part.model.name,
            outcome=outcome,
            reason=why.reason if why else None,
            detail=f"{why.camera}: {why.detail}" if why else None,
            frames=tuple(
                PartFrame(
                    camera=said.camera, frame=said.frame, outcome=said.outcome, reason=said.reason, score=said.score
                )
                for said in part.said
            ),
            triggered_utc_ns=part.triggered_utc_ns,
            triggered_monotonic_ns=part.triggered_monotonic_ns,
            decided_utc_ns=time.time_ns(),
            decided_monotonic_ns=time.monotonic_ns(),
            deadline_ms=part.deadline_ms,
        )

    def camera_lost(self, camera: str, detail: str, model: Model) -> VerdictDraft:
        """ERROR for a camera, without a frame."""
        return VerdictDraft(
            **self._of_camera(camera, model),
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
        return self._of_camera(frame.camera, opened.model) | {
            "frame": frame.number,
            "source": frame.source,
            "part": opened.part.id if opened.part else None,
            "untriggered": opened.untriggered,
            "deadline_ms": opened.deadline_ms,
            "height": frame.pixels.shape[0],
            "width": frame.pixels.shape[1],
            "captured_utc_ns": frame.captured_utc_ns,
            "captured_monotonic_ns": frame.captured_monotonic_ns,
        }

    def _of_camera(self, camera: str, model: Model) -> dict[str, Any]:
        return {
            "camera": camera,
            "surface": model.bundle.surface,
            "bundle": model.name,
            "threshold": model.threshold,
            "mm_per_px": self.mm_per_px(camera, model),
            "across_mm": self.across_mm.get(camera),
            "deadline_ms": self.deadline_ms[camera],
            "decided_utc_ns": time.time_ns(),
            "decided_monotonic_ns": time.monotonic_ns(),
        }
