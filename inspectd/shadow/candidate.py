"""The candidate judges a frame: as the line does, with its own engine and calibration, of what the line has judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calib.border import level
from engines.cuts import Cut, TiledFrame
from engines.pixels import PixelFormat
from inspectd.judge import Judgement, judge
from inspectd.pipeline.model import Model
from inspectd.pipeline.policy import CameraPolicy
from inspectd.view.view import framing
from inspectd.web.seam import Placement, Stretch, new_part, seen_rows
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Verdict

ROUNDED_MM: Final = 0.001
"""To what a verdict's places on a web are rounded."""
MAX_REGIONS: Final = 64


class Candidate:
    """Judges frames of all cameras; for one thread."""

    def __init__(self, model: Model, cameras: Mapping[str, CameraPolicy], timeout_s: float) -> None:
        """`timeout_s` is for the engine to run a batch."""
        self._model = model
        self._cameras = cameras
        self._timeout_s = timeout_s

    def judge(
        self, pixels: NDArray[np.uint8], pixel_format: PixelFormat, verdict: Verdict
    ) -> tuple[Judgement, MapDraft]:
        """Judge a frame that the line gave `verdict` on, PASS or FAIL. Returns the map that was judged, too.

        Regions are told in px alone.

        Raises:
            ViewError: the camera's view does not fit its frames.
            EngineError: the engine failed.
        """
        model, height, width = self._model, pixels.shape[0], pixels.shape[1]
        seen = framing(self._cameras[verdict.camera].view, height, width, model.geometry)
        maps = self._maps(TiledFrame(pixels, pixel_format, seen.grid))
        distance = level(seen.grid.stitch(np.concatenate(list(maps))), model.calibration.border)
        if seen.inspected is not None:
            distance = np.where(seen.inspected, distance, np.float32(0))
        distance = self._share(distance, height, verdict)
        judgement = judge(
            distance,
            model.calibration,
            width=width,
            height=height,
            cell=model.geometry.cell,
            inspected=seen.inspected,
            max_regions=MAX_REGIONS,
        )
        return judgement, MapDraft(distance, model.geometry.cell)

    def _maps(self, frame: TiledFrame) -> Iterator[NDArray[np.float32]]:
        engine, tiles = self._model.engine, len(frame.grid)
        for first in range(0, tiles, engine.max_batch):
            cut = Cut(frame, first, min(engine.max_batch, tiles - first))
            yield engine.collect(engine.submit([cut]), self._timeout_s).distance

    def _share(self, distance: NDArray[np.float32], height: int, verdict: Verdict) -> NDArray[np.float32]:
        """The map with 0 where, by the line's verdict, an earlier frame has judged the web."""
        web = self._cameras[verdict.camera].web
        if web is None or verdict.along_mm is None or verdict.judged_from_mm is None or verdict.mm_per_px is None:
            return distance
        scale = verdict.mm_per_px
        shown = Stretch(verdict.along_mm, verdict.along_mm + height * scale)
        seen = seen_rows(
            Placement(shown, verdict.judged_from_mm + ROUNDED_MM, 0.0),
            distance.shape[0],
            cell=self._model.geometry.cell,
            height=height,
            mm_per_px=scale,
            direction=web.direction,
        )
        return new_part(distance, seen, self._model.threshold)
