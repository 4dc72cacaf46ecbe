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
from inspectd.pipeline.model import Model
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
    """Judges the frames of all cameras. `judge` and `told` are for one thread, the rest for any."""

    def __init__(
        self, cameras: Mapping[str, CameraPolicy], max_regions: int, web_mm_per_px: Mapping[str, float]
    ) -> None:
        """`web_mm_per_px` has the scale of every camera that looks at a web."""
        self._cameras = cameras
        self._max_regions = max_regions
        self._webs = {
            name: Web(camera.web, mm_per_px=web_mm_per_px[name])
            for name, camera in cameras.items()
            if camera.web is not None
        }

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

    def mm_per_px(self, camera: str, model: Model) -> float | None:
        """Scale of a camera: its own, else the model's; of one that looks at a web, as it was from the start."""
        if camera in self._webs:
            return self._webs[camera].mm_per_px
        return scale_of(self._cameras[camera], model.bundle)

    def framing(self, frame: Frame, model: Model) -> Framing:
        """The tiles of a frame that are inspected.

        Raises:
            ViewError: the frame is not what its camera's view was made for.
        """
        height, width = frame.pixels.shape[:2]
        return framing(self._cameras[frame.camera].view, height, width, model.geometry)

    def judge(self, frame: Frame, distance: NDArray[np.float32], model: Model) -> Judged:
        """Judge a frame by its stitched map (rows×columns), which `model` made.

        What is judged is also what is to be published, so that verdict, regions and map say the same.
        """
        calibration, seen, cell = model.calibration, self.framing(frame, model), model.geometry.cell
        distance = level(distance, calibration.border)
        if seen.inspected is not None:
            distance = np.where(seen.inspected, distance, np.float32(0))
        web = self._webs.get(frame.camera)
        share = web.share(frame, distance, cell=cell, threshold=calibration.threshold) if web else None
        if share is not None:
            distance = share.distance
        judgement = judge(
            distance,
            calibration,
            width=frame.pixels.shape[1],
            height=frame.pixels.shape[0],
            cell=cell,
            mm_per_px=self.mm_per_px(frame.camera, model),
            measuring=seen.measuring,
            inspected=seen.inspected,
            max_regions=self._max_regions,
        )
        return Judged(judgement, distance, share)

    def told(self, judged: Judged, draft: VerdictDraft) -> VerdictDraft:
        """The verdict counts: the next frame of its camera comes after it. Returns it with what it says of the web."""
        return draft if judged.share is None else self._webs[draft.camera].judged(judged.share, draft)


def scale_of(camera: CameraPolicy, bundle: Bundle) -> float | None:
    """A camera's scale, mm per px: its own, else that of the pictures that the bundle was learned from."""
    return camera.mm_per_px or bundle.manifest.mm_per_px
