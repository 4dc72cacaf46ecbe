"""What a bridge knows of the line, and what it offers to the other side: a state machine without threads or sockets.

hear(verdict) ─▶ waiting ─▶ offered ── acknowledge(ticket) ─▶ taken
                              │ not within ack_s: OVERDUE, still offered
hear(nothing) for silence_s: SILENT            READY only where nothing of this stands
hear(Repairing) … hear(Repaired): REPAIRING
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum

from inspectd.bridges.codes import STATES, LostReason, OutcomeCode
from inspectd.bridges.handover import (
    WORD,
    Handover,
    Position,
    frame_handover,
    lost_handover,
    part_handover,
)
from inspectd.client import (
    Event,
    Gap,
    Heartbeat,
    JournalReplaced,
    Map,
    PartVerdict,
    Picture,
    Repaired,
    Repairing,
    Restart,
    Silence,
    Verdict,
)
from inspectd.wire.models import CameraState, Change, DaemonState, Numbered

LIFE_S = 0.5
"""How often the life counter counts."""
PART_BYTES = 128
"""Of a part's id, in registers."""


class Status(IntFlag):
    """What holds just now; the number of its bit is promised."""

    READY = 1 << 0
    """The daemon inspects, is heard, and nothing stands against trusting the line. 0 is the safe state."""
    AVAILABLE = 1 << 1
    """Something is offered; acknowledge its ticket."""
    SILENT = 1 << 2
    """The daemon is not heard."""
    REPAIRING = 1 << 3
    """Verdicts are missing and are being asked for."""
    OVERDUE = 1 << 4
    """What is offered was not acknowledged in time. It stays offered."""
    BEHIND = 1 << 5
    """As many wait as may; stays until half of them are taken."""
    LATE = 1 << 6
    """What is offered was offered after its deadline: the part may have passed the gate."""
    CAMERAS_RUN = 1 << 7
    """Every camera delivers."""
    PART_CUT = 1 << 8
    """The part's id is longer than its registers."""
    LIFE_BIT = 1 << 15
    """Changes every half second."""


class Only(StrEnum):
    """What is handed over."""

    ALL = "all"
    FRAMES = "frames"
    PARTS = "parts"


@dataclass(frozen=True)
class Limits:
    """How patient a line is."""

    silence_s: float = 1.8
    """Without a word of the daemon, which has one every second."""
    ack_s: float = 2.0
    """Without an acknowledgement."""
    waiting: int = 256
    """Verdicts that may wait to be taken."""


@dataclass(frozen=True)
class Image:
    """All that the other side may see, at one moment."""

    life: int
    """Counts up every half second."""
    status: Status
    state: int
    """One of STATES, 0 where the daemon is not heard."""
    waiting: int
    """Verdicts that wait to be taken, the one that is offered included."""
    passed: int
    failed: int
    errors: int
    lost: int
    """Taken since the bridge started; `lost` counts verdicts."""
    surface: str
    bundle: str
    offered: Handover | None
    camera_number: int
    """Place of the offered verdict's camera among those named to the bridge, from 1; 0 where it is not named."""


class Line:
    """The state of one line. Every method is called by one and the same thread."""

    def __init__(
        self,
        after: Position | None,
        limits: Limits,
        *,
        only: Only = Only.ALL,
        cameras: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        utc: Callable[[], float] = time.time,
    ) -> None:
        """`after` is what was taken last in an earlier life; `cameras` get numbers, from 1; the clocks count in s."""
        self.position = after
        """What was taken last; None until the daemon is heard for the first time."""
        self._series = int(utc()) % WORD if after is None else after.series
        self._newest = {self._series: 0 if after is None else after.sequence}
        """The highest number heard of, by series: some of an older one may still wait."""
        self._limits = limits
        self._only = only
        self._cameras = list(cameras)
        self._clock, self._utc = clock, utc
        self._started_s = clock()
        self._heard_s: float | None = None
        self._beat: Heartbeat | None = None
        self._repairing = self._behind = self._late = False
        self._queue: deque[Handover] = deque()
        self._offered_s = 0.0
        self._taken = dict.fromkeys(OutcomeCode, 0)

    def hear(self, event: Event) -> bool:
        """Take note of an event; whether it now waits to be taken."""
        if isinstance(event, Repairing | Repaired):
            self._repairing = isinstance(event, Repairing)
            return False
        if isinstance(event, Silence | Map | Picture):
            return False
        if self._silent or isinstance(event, Restart):
            self._beat = None  # what was said before is over
        self._heard_s = self._clock()
        if isinstance(event, Heartbeat):
            self._beat = event
        handover = self._handover(event)
        if handover is None:
            return False
        self._queue.append(handover)
        self._behind = self._behind or len(self._queue) >= self._limits.waiting
        if len(self._queue) == 1:
            self._offer()
        return True

    def _handover(self, event: Event) -> Handover | None:
        """What is to be handed over of an event, if anything."""
        match event:
            case Verdict() | PartVerdict():
                return self._of_verdict(event)
            case Change():
                self._pass_over(event)
            case Heartbeat(journal=journal, sequence=sequence):
                self._count(journal, sequence, before=sequence)
            case Gap(first=first, last=last):
                assert self.position is not None  # only what follows a known number can be missing
                self._newest[self._series] = last
                end = Position(self._series, self._last_journal, last)
                return lost_handover(end, LostReason.NOT_IN_JOURNAL, last - first + 1)
            case JournalReplaced(journal=journal):
                self._series = (self._series + 1) % WORD
                self._newest[self._series] = 0
                return lost_handover(Position(self._series, journal, 0), LostReason.JOURNAL_REPLACED, 0)
        return None

    def _of_verdict(self, verdict: Verdict | PartVerdict) -> Handover | None:
        self._count(verdict.journal, verdict.sequence, before=verdict.sequence - 1)
        if isinstance(verdict, Verdict):
            handover, left_out = frame_handover(verdict, self._series), Only.PARTS
        else:
            handover, left_out = part_handover(verdict, self._series), Only.FRAMES
        if self._only is not left_out:
            return handover
        self._pass_over(verdict)
        return None

    def _pass_over(self, message: Numbered) -> None:
        """Nothing of it is handed over; where nothing waits before it, it counts as taken."""
        self._count(message.journal, message.sequence, before=message.sequence - 1)
        if not self._queue:
            self.position = Position(self._series, message.journal, message.sequence)

    @property
    def _last_journal(self) -> str:
        """Of the newest that waits, else of what was taken last."""
        position = self._queue[-1].position if self._queue else self.position
        return position.journal if position is not None else ""

    def _count(self, journal: str, sequence: int, before: int) -> None:
        self._newest[self._series] = max(self._newest[self._series], sequence)
        if self.position is None:
            self.position = Position(self._series, journal, before)

    def _offer(self) -> None:
        """The first that waits is what is offered now."""
        self._offered_s = self._clock()
        self._late = bool(self._queue) and self._utc() > self._queue[0].due_utc_s
        self._behind = self._behind and len(self._queue) > self._limits.waiting // 2

    def acknowledge(self, ticket: int) -> int:
        """The other side has taken everything up to this ticket, itself included; how many of those waited.

        A ticket of another series, or of a number that was never heard of, says nothing.
        """
        taken = 0
        while self._queue and self._covers(ticket, self._queue[0].position):
            handover = self._queue.popleft()
            self.position = handover.position
            self._taken[handover.outcome] += max(1, handover.missing)
            taken += 1
        if taken:
            self._offer()
        return taken

    def _covers(self, ticket: int, position: Position) -> bool:
        """Numbers are compared as they are on the other side: in 32 bits, which may overflow."""
        series, sequence = divmod(ticket, WORD)
        ahead = (sequence - position.sequence) % WORD
        newest = self._newest[position.series]
        return series == position.series and ahead < WORD // 2 and position.sequence + ahead <= newest

    def image(self) -> Image:
        """What the other side may see now."""
        offered = self._queue[0] if self._queue else None
        status = self._status(offered)
        camera = offered.camera if offered is not None else ""
        beat = self._beat
        return Image(
            life=self._life,
            status=status,
            state=0 if beat is None or Status.SILENT in status else STATES[beat.state],
            waiting=len(self._queue),
            passed=self._taken[OutcomeCode.PASS],
            failed=self._taken[OutcomeCode.FAIL],
            errors=self._taken[OutcomeCode.ERROR],
            lost=self._taken[OutcomeCode.LOST],
            surface=beat.surface if beat is not None else "",
            bundle=beat.bundle if beat is not None else "",
            offered=offered,
            camera_number=self._cameras.index(camera) + 1 if camera in self._cameras else 0,
        )

    @property
    def _life(self) -> int:
        return int((self._clock() - self._started_s) / LIFE_S) + 1

    def _status(self, offered: Handover | None) -> Status:
        flags = {
            Status.AVAILABLE: offered is not None,
            Status.SILENT: self._silent,
            Status.REPAIRING: self._repairing,
            Status.OVERDUE: offered is not None and self._clock() - self._offered_s >= self._limits.ack_s,
            Status.BEHIND: self._behind,
            Status.LATE: offered is not None and self._late,
            Status.CAMERAS_RUN: self._beat is not None
            and all(camera.state is CameraState.RUNNING for camera in self._beat.cameras),
            Status.PART_CUT: offered is not None and len(offered.part.encode()) > PART_BYTES,
            Status.LIFE_BIT: self._life % 2 == 1,
        }
        status = Status(sum(flag for flag, holds in flags.items() if holds))
        against = Status.SILENT | Status.REPAIRING | Status.OVERDUE | Status.BEHIND
        inspecting = self._beat is not None and self._beat.state is DaemonState.INSPECTING
        return status | Status.READY if inspecting and not status & against else status

    @property
    def _silent(self) -> bool:
        return self._heard_s is None or self._clock() - self._heard_s >= self._limits.silence_s
