"""The worst frames of a shift, with their pictures where the archive has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspectd.archive.reader import ArchiveReader, Entry
from inspectd.errors import ArchiveError
from inspectd.inline_picture import data_uri
from inspectd.wire.models import Outcome, Region, Verdict
from tools.report.drawing import Picture
from tools.shift.reading import Window

SIDE = 360
"""Longest side of a picture on the page, px."""
AROUND = 1.5
"""So many times the region's own size is shown on each side of the worst region."""
LEAST = 96
"""The least side of what is cut out, px."""
OUTLINE = (255, 255, 255)
SHADE = (20, 20, 20)


@dataclass(frozen=True)
class Worst:
    """A frame that failed."""

    verdict: Verdict
    picture: str | None
    """The worst region and its surroundings, a data URI; None where the archive has no picture."""
    entry: str | None
    """Its id in the archive."""


def with_pictures(verdicts: Sequence[Verdict], archive: ArchiveReader | None, window: Window) -> list[Worst]:
    """The frames with what the archive has of them.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    entries = {} if archive is None else _entries(verdicts, archive, window)
    return [_worst(verdict, entries.get((verdict.journal, verdict.sequence))) for verdict in verdicts]


def sample_picture(camera: str, archive: ArchiveReader, window: Window) -> NDArray[np.uint8] | None:
    """A good picture of a camera, H×W×3 RGB, to show places on; None where the archive has none.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    passed = archive.entries(
        since=window.since, until=window.until, cameras={camera}, outcomes={Outcome.PASS}, newest_first=True
    )
    for entry in passed:
        try:
            return entry.picture()
        except ArchiveError:
            continue
    return None


def _entries(verdicts: Iterable[Verdict], archive: ArchiveReader, window: Window) -> dict[tuple[str, int], Entry]:
    wanted = {verdict.sequence for verdict in verdicts}
    found = {}
    for entry in archive.entries(since=window.since, until=window.until, outcomes={Outcome.FAIL}):
        if entry.name.sequence in wanted:
            found[entry.verdict().journal, entry.name.sequence] = entry
    return found


def _worst(verdict: Verdict, entry: Entry | None) -> Worst:
    if entry is None:
        return Worst(verdict, None, None)
    try:
        pixels = entry.picture()
    except ArchiveError:  # removed to make room meanwhile, or damaged
        return Worst(verdict, None, None)
    return Worst(verdict, data_uri(_cut_out(pixels, verdict.regions), SIDE), entry.id)


def _cut_out(pixels: Picture, regions: Sequence[Region]) -> Picture:
    """The surroundings of the worst region, every region outlined."""
    drawn = np.ascontiguousarray(pixels)
    line = max(1, round(max(_sides(pixels, regions)) / 200))
    for thickness, colour in ((3 * line, SHADE), (line, OUTLINE)):
        for region in regions:
            corner = int(region.x), int(region.y)
            opposite = int(region.x + region.width) - 1, int(region.y + region.height) - 1
            cv2.rectangle(drawn, corner, opposite, colour, thickness)
    if not regions:
        return drawn
    width, height = _sides(pixels, regions)
    left = _begin(regions[0].centroid_x, width, pixels.shape[1])
    top = _begin(regions[0].centroid_y, height, pixels.shape[0])
    return drawn[top : top + height, left : left + width]


def _sides(pixels: Picture, regions: Sequence[Region]) -> tuple[int, int]:
    """Width and height of what is cut out, px."""
    if not regions:
        return pixels.shape[1], pixels.shape[0]
    side = max(LEAST, round((1 + 2 * AROUND) * max(regions[0].width, regions[0].height)))
    return min(side, pixels.shape[1]), min(side, pixels.shape[0])


def _begin(middle: float, length: int, limit: int) -> int:
    return max(0, min(round(middle - length / 2), limit - length))
