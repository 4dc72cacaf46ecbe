"""What an onlooker is shown, and an archive to show it to; run as a program, it fills one until it is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.pixels import PixelFormat
from inspectd.archive import Archive, ArchiveReader, Entry
from inspectd.archive.ages import AgeClock
from inspectd.frames import Frame, Loan
from inspectd.metrics.meters import Meters
from inspectd.metrics.page import Page
from inspectd.pipeline.onlookers import Seen
from inspectd.settings import ArchiveSettings
from inspectd.view.area import Area
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Outcome, Reason
from tests.inspectd.metrics.reading import Reading
from tests.inspectd.publishing import CAMERAS, draft

JOURNAL = "0123456789abcdef"
NOVEMBER_S = 1_795_600_000.0
"""2026-11-25."""


def picture(seed: int, height: int = 32, width: int = 48) -> NDArray[np.uint8]:
    """Noise, H×W×3, which no PNG makes much smaller."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def seen(
    sequence: int,
    outcome: Outcome = Outcome.FAIL,
    *,
    score: float | None = None,
    camera: str = "web",
    journal: str = JOURNAL,
    pixels: NDArray[np.uint8] | None = None,
    pixel_format: PixelFormat = PixelFormat.RGB8,
    without_picture: bool = False,
    reason: Reason = Reason.DEADLINE,
    released: list[int] | None = None,
    captured_s: float = NOVEMBER_S,
) -> Seen:
    """A verdict with its picture and its map, as the publisher shows them: the frame is held once."""
    pixels = picture(sequence) if pixels is None else pixels
    values: dict[str, Any] = {"captured_utc_ns": int(captured_s * 1e9)}
    if score is not None:
        values["score"] = score
    if outcome is Outcome.ERROR:
        values |= {"reason": reason, "detail": f"why it is {reason}"}
    verdict = draft(sequence, camera=camera, outcome=outcome, **values).numbered("line-3", "boot", journal, sequence)
    gone = [] if released is None else released
    frame = Frame(
        camera=camera,
        number=sequence,
        pixels=pixels,
        pixel_format=pixel_format,
        captured_monotonic_ns=verdict.captured_monotonic_ns,
        captured_utc_ns=values["captured_utc_ns"],
        source=None,
        loan=Loan(lambda: gone.append(sequence)),
    )
    map_ = MapDraft(np.linspace(0, 3, 24, dtype=np.float32).reshape(4, 6), cell=8)
    return Seen(verdict, None if without_picture else frame, None if outcome is Outcome.ERROR else map_)


class Filled:
    """An archive that is filled, and what its metrics say."""

    def __init__(
        self, path: Path, clock: AgeClock | None = None, areas: Mapping[str, Area] | None = None, **settings: Any
    ) -> None:
        self.path = path
        self.meters = Meters(CAMERAS)
        values = {"pass_every": 10, "keep_free_mb": 0, **settings}
        self.archive = Archive(ArchiveSettings(path=str(path), **values), self.meters, clock, areas=areas)

    def show(self, shown: Seen) -> None:
        """As the publisher does."""
        self.archive.saw(shown)
        if shown.frame is not None:
            shown.frame.release()

    def page(self) -> Reading:
        """The metrics' page."""
        return Reading(Page(self.meters.registry).text().decode())

    def written(self) -> float:
        """Entries written so far."""
        return self.page().total("inspectd_archive_entries_total")

    def dropped(self, reason: str) -> float:
        """Pictures dropped so far."""
        return self.page().value("inspectd_archive_dropped_total", reason=reason)

    def entries(self) -> list[Entry]:
        """What is there."""
        return list(ArchiveReader(self.path).entries())


@contextmanager
def filled(
    path: Path, clock: AgeClock | None = None, areas: Mapping[str, Area] | None = None, **settings: Any
) -> Iterator[Filled]:
    """An archive at work; at the end of the block, what it was shown is written."""
    made = Filled(path, clock, areas, **settings)
    made.archive.start()
    try:
        yield made
    finally:
        made.archive.close()


def sequences(entries: list[Entry]) -> list[int]:
    """Their numbers."""
    return [entry.name.sequence for entry in entries]


def is_whole(entry: Entry) -> bool:
    """Whether picture, map and verdict are there and belong together."""
    number = entry.name.sequence
    distance = entry.distance_map()
    assert distance is not None
    assert distance.distance.shape == (4, 6)
    assert entry.verdict().sequence == number
    return bool((entry.picture() == picture(number)).all())


def main(path: str, first: str) -> None:
    """Fill an archive from this number on, until the process is killed."""
    made = Filled(Path(path))
    made.archive.start()
    for sequence in range(int(first), 1_000_000):
        made.show(seen(sequence))
        time.sleep(0.001)


if __name__ == "__main__":
    main(*sys.argv[1:])
