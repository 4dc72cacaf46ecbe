"""A web with known defects, seen frame by frame by a camera whose maps are perfect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calib.calibration import Calibration
from engines.pixels import PixelFormat
from inspectd.frames import Frame, Loan, Rows
from inspectd.judge import judge
from inspectd.settings import Direction, WebSettings
from inspectd.web.web import Web
from inspectd.wire.drafts import VerdictDraft
from inspectd.wire.models import Verdict
from tests.inspectd.publishing import draft

CELL = 4
MM_PER_PX = 0.5
S = 1_000_000_000
CALIBRATION = Calibration(
    threshold=3.0,
    top_cells=1,
    target_false_rejects=0.01,
    method="pareto-tail",
    observed_false_rejects=0.0,
    interval=(0.0, 1.0),
    cells_per_picture=96,
    held_out_scores=(1.0,),
)


@dataclass(frozen=True)
class Defect:
    """A rectangle, px on the web."""

    along: int
    across: int
    length: int
    width: int


def painted(length: int, width: int, defects: list[Defect]) -> NDArray[np.float32]:
    """The distances of a web's pixels, length×width."""
    web = np.ones((length, width), np.float32)
    for defect in defects:
        web[defect.along : defect.along + defect.length, defect.across : defect.across + defect.width] = 9
    return web


def cell_map(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest distance of each cell."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((0, -height % CELL), (0, -width % CELL)))
    cells: NDArray[np.float32] = padded.reshape(padded.shape[0] // CELL, CELL, -1, CELL).max(axis=(1, 3))
    return cells


class Line:
    """Frames of a web, judged one after the other. The web runs at 1 mm/s from moment 0; unless `clocked`, an encoder
    should count, and does not."""

    def __init__(
        self,
        web: NDArray[np.float32],
        *,
        direction: Direction = Direction.UP,
        across_mm: float = 0,
        clocked: bool = True,
    ) -> None:
        self.pixels = web
        self.direction = direction
        source = {"speed_mm_s": 1} if clocked else {"mm_per_count": 1}
        settings = WebSettings.model_validate({"direction": direction, "across_mm": across_mm, **source})
        self.web = Web(settings, mm_per_px=MM_PER_PX)

    def judge(
        self, begin: int, height: int, *, rows: Rows | None = None, captured_mm: float | None = None
    ) -> VerdictDraft:
        """The verdict on `height` px of the web from `begin` px on."""
        pixels = self.pixels[begin : begin + height]
        if self.direction is Direction.DOWN:
            pixels = pixels[::-1]
        along_mm = begin * MM_PER_PX if captured_mm is None else captured_mm
        frame = Frame(
            camera="web",
            number=1,
            pixels=np.zeros(pixels.shape, np.uint8),
            pixel_format=PixelFormat.MONO8,
            captured_monotonic_ns=round(along_mm * S),
            captured_utc_ns=0,
            source=None,
            loan=Loan(lambda: None),
            rows=rows,
        )
        share = self.web.share(frame, cell_map(pixels), cell=CELL, threshold=CALIBRATION.threshold)
        said = judge(
            share.distance,
            CALIBRATION,
            width=pixels.shape[1],
            height=pixels.shape[0],
            cell=CELL,
            mm_per_px=MM_PER_PX,
        )
        return self.web.judged(
            share, draft(1, outcome=said.outcome, score=said.score, threshold=3.0, regions=said.regions)
        )


@dataclass
class Found:
    """A defect put together from regions of one id, mm."""

    begin: float
    end: float
    left: float
    right: float


def counted(verdicts: Sequence[VerdictDraft | Verdict]) -> list[Found]:
    """The defects that verdicts tell, each once, by where they begin."""
    ids: dict[int, int] = {}

    def root(number: int) -> int:
        while ids.setdefault(number, number) != number:
            number = ids[number]
        return number

    found: dict[int, Found] = {}
    regions = [region for verdict in verdicts for region in verdict.regions]
    for region in regions:
        assert region.id is not None
        for joined in region.joins:
            ids[root(joined)] = root(region.id)
    for region in regions:
        assert region.id is not None
        assert region.along_mm is not None
        assert region.across_mm is not None
        own = Found(
            region.along_mm,
            region.along_mm + (region.height_mm or 0),
            region.across_mm,
            region.across_mm + (region.width_mm or 0),
        )
        known = found.setdefault(root(region.id), own)
        known.begin, known.end = min(known.begin, own.begin), max(known.end, own.end)
        known.left, known.right = min(known.left, own.left), max(known.right, own.right)
    return sorted(found.values(), key=lambda defect: defect.begin)


def passes(length: int, height: int, advances: Iterator[int]) -> Iterator[int]:
    """Where frames begin, px, while they advance so far each time."""
    begin = 0
    while begin + height <= length:
        yield begin
        begin += next(advances)
