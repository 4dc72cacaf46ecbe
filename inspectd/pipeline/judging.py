"""From the stitched map of a frame to what is said of it: levelled, cut down to what counts, judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.border import level
from engines.bundle import Bundle
from inspectd.frames import Frame, LostFrame
from inspectd.judge import Judgement, judge
from inspectd.pipeline.policy import CameraPolicy
from inspectd.view.view import Framing, framing
from inspectd.web.position import EncoderCounts
from inspectd.web.web import Share, Web
from inspectd.wire.drafts import VerdictDraft


@dataclass(frozen=True)
class Judged:
    """What was said of a frame, and of what."""

    judgement: Judgement
    distance: NDArray[np.float32]
    """The map that was judged, rows×columns: levelled, and 0 where nothing counts."""
    share: Share | None
    """What of the frame no earlier one has judged; None where there is no web."""


class FrameJudge:
    """Judges the frames of all cameras by one bundle. `judge` and `told` are for one thread, the rest for any."""

    def __init__(self, bundle: Bundle, cameras: Mapping[str, CameraPolicy], max_regions: int) -> None:
        self._bundle = bundle
        self._cameras = cameras
        self._max_regions = max_regions
        self._webs = _webs(bundle, cameras)

    @property
    def encoders(self) -> dict[str, EncoderCounts]:
        """What takes encoder counts, by camera."""
        return {name: web.encoder for name, web in self._webs.items() if web.encoder is not None}

    def uninspected_mm(self, camera: str) -> float:
        """Web that went past between a camera's frames without being judged, mm."""
        return self._webs[camera].uninspected_mm if camera in self._webs else 0.0

    def along_mm(self, frame: Frame | LostFrame) -> float | None:
        """Where a frame begins along the web; None where there is none, or where that is not known."""
        web = self._webs.get(frame.camera)
        return web.where(frame).mm if web else None

    def framing(self, frame: Frame) -> Framing:
        """The tiles of a frame that are inspected.

        Raises:
            ViewError: the frame is not what its camera's view was made for.
        """
        height, width = frame.pixels.shape[:2]
        return framing(self._cameras[frame.camera].view, height, width, self._bundle.manifest.tile)

    def judge(self, frame: Frame, distance: NDArray[np.float32]) -> Judged:
        """Judge a frame by its stitched map (rows×columns). What is judged is also what is to be published, so that
        verdict, regions and map say the same."""
        calibration, seen = self._bundle.calibration, self.framing(frame)
        distance = level(distance, calibration.border)
        if seen.inspected is not None:
            distance = np.where(seen.inspected, distance, np.float32(0))
        web = self._webs.get(frame.camera)
        share = web.share(frame, distance) if web else None
        if share is not None:
            distance = share.distance
        judgement = judge(
            distance,
            calibration,
            width=frame.pixels.shape[1],
            height=frame.pixels.shape[0],
            cell=self._bundle.manifest.tile.cell,
            mm_per_px=self._cameras[frame.camera].mm_per_px,
            measuring=seen.measuring,
            inspected=seen.inspected,
            max_regions=self._max_regions,
        )
        return Judged(judgement, distance, share)

    def told(self, judged: Judged, draft: VerdictDraft) -> VerdictDraft:
        """The verdict counts: the next frame of its camera comes after it. Returns it with what it says of the web."""
        return draft if judged.share is None else self._webs[draft.camera].judged(judged.share, draft)


def _webs(bundle: Bundle, cameras: Mapping[str, CameraPolicy]) -> dict[str, Web]:
    return {
        name: Web(
            camera.web,
            mm_per_px=camera.mm_per_px,
            cell=bundle.manifest.tile.cell,
            threshold=bundle.calibration.threshold,
        )
        for name, camera in cameras.items()
        if camera.web is not None and camera.mm_per_px is not None
    }
