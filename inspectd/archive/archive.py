"""The archive as the daemon fills it: an onlooker with threads of its own.

The publisher's thread only decides what is kept. One thread copies the pictures and lets the cameras' buffers go; no
disk ever holds it up. The other writes. Between them waits what the memory set aside has room for; what comes beyond,
while a disk is slow, full or gone, is not kept, and counted.

Encoding a picture, which is nearly all the work there is, runs at low priority in a thread that does nothing else: one
of low priority that held Python's lock would hold up the verdicts of a busy PC.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import cv2
import structlog

from inspectd.archive.ages import AgeClock
from inspectd.archive.areas import Areas
from inspectd.archive.backlog import Backlog, Copy
from inspectd.archive.files import Files, encode_png, entry_files
from inspectd.archive.layout import Kept
from inspectd.archive.selection import OF_THE_PICTURE, Selection
from inspectd.archive.store import Store
from inspectd.closing import Closing
from inspectd.errors import ArchiveError
from inspectd.metrics.meters import Meters
from inspectd.pipeline.onlookers import Seen
from inspectd.settings.archive import ArchiveSettings
from inspectd.view.area import Area

MOST_HELD: Final = 8
"""Frames whose buffers wait to be copied."""
TICK_S: Final = 1.0
"""How often the limits are seen to while nothing is to be written."""
COUNTING_PAUSE_S: Final = 0.02
"""Between two steps of finding out what is there: whoever waits for Python's lock comes first."""
RETRY_PAUSE_S: Final = 10.0
STUCK_S: Final = 30.0
"""A step that takes longer hangs: with a disk or a network that is gone."""
CLOSE_S: Final = 5.0
NICENESS: Final = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Held:
    """A frame to be kept, and its buffer, if it has one, which is held."""

    kept: Kept
    seen: Seen

    def copied(self) -> Copy:
        """A copy; the buffer is let go."""
        try:
            return Copy.of(self.kept, self.seen.verdict, self.seen.frame, self.seen.distance_map)
        finally:
            if self.seen.frame is not None:
                self.seen.frame.release()


class Archive(Closing):
    """Keeps what it sees, as the settings say."""

    def __init__(
        self,
        settings: ArchiveSettings,
        meters: Meters,
        clock: AgeClock | None = None,
        *,
        areas: Mapping[str, Area | None] | None = None,
    ) -> None:
        """`settings.path` is set. `areas`: what of each camera's frames is inspected, where that is not all."""
        self._path = Path(settings.path)
        self._meters = meters
        self._selection = Selection(settings.pass_every)
        self._held: queue.Queue[_Held | None] = queue.Queue()
        self._backlog = Backlog(settings.queue_mb << 20)
        self._store = Store(settings, clock or AgeClock())
        self._areas = Areas(areas or {})
        self._failing: str | None = None
        self._step_since_s: float | None = None
        self._closed = False
        self._encoder = ThreadPoolExecutor(1, "archive-encoder", initializer=_step_back)
        self._copier = threading.Thread(target=self._copy, name="archive-copier", daemon=True)
        self._writer = threading.Thread(target=self._write, name="archive-writer", daemon=True)

    def start(self) -> None:
        """Begin. A disk that is not there yet is waited for."""
        self._copier.start()
        self._writer.start()

    def __enter__(self) -> Self:
        self.start()
        return super().__enter__()

    def close(self) -> None:
        """Write what waits, as far as that takes little time. May be called more than once."""
        if self._closed:
            return
        self._closed = True
        self._held.put(None)
        end_s = time.monotonic() + CLOSE_S
        for thread in (self._copier, self._writer):
            thread.join(max(0.0, end_s - time.monotonic()))
        if left := len(self._backlog):
            log.warning("pictures were not archived before the end", pictures=left)

    # What is told of it; any thread

    @property
    def failing(self) -> str | None:
        """Why nothing can be archived just now, in words."""
        since_s = self._step_since_s
        if since_s is not None and time.monotonic() - since_s > STUCK_S:
            return "its disk does not answer"
        return self._failing

    @property
    def bytes(self) -> int:
        """Of all entries."""
        return self._store.bytes

    @property
    def free_bytes(self) -> int:
        """Room left on its file system."""
        return self._store.free_bytes

    # The publisher's thread

    @property
    def wants_pictures(self) -> bool:
        """See `Onlooker.wants_pictures`: any frame may turn out to be one that is kept."""
        return not self._closed

    def saw(self, seen: Seen) -> None:
        """See `Onlooker.saw`."""
        kept = self._selection.wants(seen.verdict)
        if kept is None or self._closed:
            return
        if seen.frame is None and seen.verdict.reason not in OF_THE_PICTURE:
            if kept is not Kept.ERROR:  # most have none
                self._meters.not_archived("no_picture")
        elif self._held.qsize() >= MOST_HELD:
            self._meters.not_archived("busy")
        else:
            if seen.frame is not None:
                seen.frame.retain()
            self._held.put(_Held(kept, seen))

    # The copier's

    def _copy(self) -> None:
        nearest: dict[str, Copy] = {}
        while (held := self._held.get()) is not None:
            try:
                copy = held.copied()
            except MemoryError:
                self._meters.not_archived("queue_full")
                continue
            if copy.kept is Kept.NEAR:
                camera = copy.verdict.camera
                before = nearest.get(camera)
                if before is not None and self._run_of(before) != self._run_of(copy):
                    self._queue(before)
                nearest[camera] = copy
            else:
                self._queue(copy)
        for copy in nearest.values():
            self._queue(copy)
        self._backlog.close()

    def _run_of(self, copy: Copy) -> int:
        assert copy.verdict.frame is not None
        return self._selection.run_of(copy.verdict.frame)

    def _queue(self, copy: Copy) -> None:
        if not self._backlog.put(copy):
            self._meters.not_archived("queue_full")

    # The writer's

    def _write(self) -> None:
        try:
            while not self._backlog.ended:
                copy = self._backlog.take(COUNTING_PAUSE_S if self._store.counting else TICK_S)
                if copy is None:
                    self._tried(self._store.tend)
                else:
                    self._keep(copy)
        except Exception as error:
            if not self._closed:  # what is left behind at the end was told there
                log.exception("the archive failed; nothing is archived until a restart")
            self._failing = repr(error)
        finally:
            self._store.close()
            self._encoder.shutdown()

    def _keep(self, copy: Copy) -> None:
        """Write it, trying for as long as it takes; while it is tried, others wait for it."""
        try:
            files = self._encoded(copy)
        except cv2.error as error:
            log.warning("a picture cannot be archived", sequence=copy.verdict.sequence, error=str(error))
            self._meters.not_archived("not_encoded")
            return

        def step() -> None:
            self._store.tend()
            self._store.write(copy.kept, copy.verdict, files)

        while not self._tried(step):
            if self._backlog.wait_closed(RETRY_PAUSE_S):
                self._meters.not_archived("ended")
                return
        self._meters.archived(copy.verdict.outcome)

    def _encoded(self, copy: Copy) -> Files:
        picture = copy.picture
        if picture is None:
            return entry_files(copy, None)
        png = self._encoder.submit(encode_png, picture.pixels, picture.pixel_format).result()
        judged = copy.distance_map is not None
        area = self._areas.png(copy.verdict.camera, *picture.pixels.shape[:2]) if judged else None
        return entry_files(copy, png, area)

    def _tried(self, step: Callable[[], None]) -> bool:
        self._step_since_s = time.monotonic()
        try:
            step()
        except (OSError, ArchiveError) as error:
            self._tell_failing(getattr(error, "strerror", None) or str(error))
            return False
        finally:
            self._step_since_s = None
        self._tell_failing(None)
        return True

    def _tell_failing(self, why: str | None) -> None:
        if why is None and self._failing is not None:
            log.info("archiving goes on", path=str(self._path))
        elif why is not None and self._failing is None:
            log.error("nothing can be archived; it is tried again", path=str(self._path), why=why)
        self._failing = why


def _step_back() -> None:
    """This thread of all the process's runs at low priority."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
