"""What a bridge offers and says of the line, without sockets and without waiting."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inspectd.bridges.codes import Kind, LostReason, OutcomeCode
from inspectd.bridges.handover import Position, ticket
from inspectd.bridges.line import Limits, Line, Only, Status
from inspectd.client import Gap, Heartbeat, JournalReplaced, PartVerdict, Repaired, Repairing, Restart, Verdict
from inspectd.wire.models import CameraState, CameraStatus, DaemonState
from tools.docs.examples import ERROR, FAIL, HEARTBEAT, PART, PASS

JOURNAL = PASS.journal
NOW_UTC_S = 1_772_346_612.3
"""50 ms after the examples' frames were taken: within their deadline."""


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def beat(sequence: int, state: DaemonState = DaemonState.INSPECTING) -> Heartbeat:
    return HEARTBEAT.model_copy(update={"sequence": sequence, "state": state})


def verdict(sequence: int, like: Verdict = PASS, camera: str = "web") -> Verdict:
    return like.model_copy(update={"sequence": sequence, "camera": camera})


def part(sequence: int) -> PartVerdict:
    return PART.model_copy(update={"sequence": sequence})


class Bench:
    """A line with a clock that stands still unless it is told."""

    def __init__(
        self,
        after: Position | None = None,
        only: Only = Only.ALL,
        cameras: tuple[str, ...] = (),
        utc_s: float = NOW_UTC_S,
        waiting: int = 4,
    ) -> None:
        self.clock = Clock()
        limits = Limits(silence_s=1.8, ack_s=2.0, waiting=waiting)
        self.line = Line(after, limits, only=only, cameras=cameras, clock=self.clock, utc=lambda: utc_s)

    def status(self) -> Status:
        return self.line.image().status

    def offered(self) -> int:
        image = self.line.image()
        return 0 if image.offered is None else image.offered.position.sequence

    def acknowledge(self, sequence: int) -> int:
        offered = self.line.image().offered
        assert offered is not None
        return self.line.acknowledge(ticket(offered.position.series, sequence))


def test_nothing_heard_is_the_safe_state() -> None:
    bench = Bench()
    assert bench.status() & (Status.READY | Status.SILENT) == Status.SILENT
    assert bench.line.image().state == 0


def test_a_line_is_ready_when_the_daemon_inspects() -> None:
    bench = Bench()
    bench.line.hear(beat(10, DaemonState.STARTING))
    assert Status.READY not in bench.status()
    bench.line.hear(beat(10))
    assert Status.READY in bench.status()
    bench.line.hear(beat(10, DaemonState.STOPPED))
    assert Status.READY not in bench.status()


def test_a_restarted_daemon_is_not_trusted_before_it_says_so() -> None:
    bench = Bench()
    bench.line.hear(beat(10))
    bench.line.hear(Restart("another boot"))
    bench.line.hear(verdict(11))
    assert Status.READY not in bench.status()
    bench.line.hear(beat(11))
    assert Status.READY in bench.status()


def test_silence_is_the_safe_state_and_ends_with_a_word() -> None:
    bench = Bench()
    bench.line.hear(beat(10))
    bench.clock.now += 1.7
    assert Status.READY in bench.status()
    bench.clock.now += 0.125
    assert bench.status() & (Status.READY | Status.SILENT) == Status.SILENT
    assert bench.line.image().state == 0
    bench.line.hear(beat(10))
    assert bench.status() & (Status.READY | Status.SILENT) == Status.READY


def test_what_was_said_before_a_silence_is_not_trusted_after_it() -> None:
    """Verdicts that are replayed tell nothing of how the daemon is now."""
    bench = Bench()
    bench.line.hear(beat(10))
    bench.clock.now += 600
    bench.line.hear(verdict(11))
    assert bench.status() & (Status.READY | Status.SILENT) == Status(0)
    assert bench.line.image().state == 0
    bench.line.hear(beat(11))
    assert Status.READY in bench.status()


def test_a_repair_is_the_safe_state_until_it_is_done() -> None:
    bench = Bench()
    bench.line.hear(verdict(1))
    bench.line.hear(beat(1))
    bench.line.hear(Repairing(2, 5, "no replay came"))
    assert bench.status() & (Status.READY | Status.REPAIRING) == Status.REPAIRING
    bench.line.hear(Repaired())
    assert Status.READY in bench.status()


def test_verdicts_are_offered_one_after_the_other() -> None:
    bench = Bench()
    for sequence in (1, 2, 3):
        assert bench.line.hear(verdict(sequence))
    assert bench.offered() == 1
    assert bench.acknowledge(1) == 1
    assert bench.offered() == 2
    assert bench.acknowledge(2) == 1
    assert bench.acknowledge(3) == 1
    image = bench.line.image()
    assert (image.offered, image.waiting, image.passed) == (None, 0, 3)


def test_a_ticket_taken_before_or_of_nobody_changes_nothing() -> None:
    bench = Bench()
    for sequence in (5, 6):
        bench.line.hear(verdict(sequence))
    assert bench.acknowledge(4) == 0
    assert bench.acknowledge(7) == 0, "it was never heard of"
    assert bench.line.acknowledge(0) == 0
    assert bench.line.acknowledge(ticket(77, 5)) == 0, "another series"
    assert bench.offered() == 5


def test_a_ticket_covers_what_came_before_it() -> None:
    """A bridge that was killed before it had noted the last ones offers them again; the PLC has them already."""
    bench = Bench(Position(9, JOURNAL, 40))
    for sequence in (41, 42, 43):
        bench.line.hear(verdict(sequence))
    assert bench.acknowledge(42) == 2
    assert bench.offered() == 43
    assert bench.line.position == Position(9, JOURNAL, 42)


def test_numbers_beyond_32_bits_go_on() -> None:
    first = (1 << 32) - 1
    bench = Bench(Position(9, JOURNAL, first - 1))
    bench.line.hear(verdict(first))
    bench.line.hear(verdict(first + 1))
    assert bench.acknowledge(first + 1) == 2
    assert bench.line.position == Position(9, JOURNAL, first + 1)


def test_what_is_not_taken_in_time_is_told_and_stays() -> None:
    bench = Bench()
    bench.line.hear(verdict(1))
    bench.clock.now += 2.0
    bench.line.hear(beat(1))
    assert bench.status() & (Status.READY | Status.OVERDUE) == Status.OVERDUE
    assert bench.offered() == 1
    bench.acknowledge(1)
    assert bench.status() & (Status.READY | Status.OVERDUE) == Status.READY


def test_each_verdict_has_its_own_patience() -> None:
    bench = Bench()
    bench.line.hear(verdict(1))
    bench.line.hear(verdict(2))
    bench.clock.now += 1.5
    bench.acknowledge(1)
    bench.clock.now += 1.5
    bench.line.hear(beat(2))
    assert Status.OVERDUE not in bench.status()


def test_a_line_is_behind_until_half_is_taken() -> None:
    bench = Bench()
    for sequence in (1, 2, 3, 4):
        bench.line.hear(verdict(sequence))
    bench.line.hear(beat(4))
    assert bench.status() & (Status.READY | Status.BEHIND) == Status.BEHIND
    bench.acknowledge(1)
    assert Status.BEHIND in bench.status()
    bench.acknowledge(2)
    assert bench.status() & (Status.READY | Status.BEHIND) == Status.READY


@pytest.mark.parametrize(("utc_s", "late"), [(NOW_UTC_S, False), (NOW_UTC_S + 60, True)])
def test_what_is_offered_after_its_deadline_is_late(utc_s: float, late: bool) -> None:
    bench = Bench(utc_s=utc_s)
    bench.line.hear(verdict(1))
    assert (Status.LATE in bench.status()) is late
    bench.acknowledge(1)
    assert Status.LATE not in bench.status()


def test_a_first_life_begins_where_the_daemon_is() -> None:
    """It is kept at once: what comes before the first acknowledgement is not lost to a kill."""
    silent, spoken = Bench(), Bench()
    silent.line.hear(beat(10))
    spoken.line.hear(verdict(11))
    for bench in (silent, spoken):
        assert bench.line.position == Position(int(NOW_UTC_S), JOURNAL, 10)


def test_lost_verdicts_are_handed_over_like_verdicts() -> None:
    bench = Bench(Position(9, JOURNAL, 4))
    bench.line.hear(Gap(5, 9, "it is no longer in the journal"))
    offered = bench.line.image().offered
    assert offered is not None
    assert (offered.kind, offered.outcome, offered.reason) == (Kind.LOST, OutcomeCode.LOST, LostReason.NOT_IN_JOURNAL)
    assert (offered.position, offered.missing) == (Position(9, JOURNAL, 9), 5)
    bench.acknowledge(9)
    assert bench.line.image().lost == 5


def test_a_replaced_journal_begins_a_new_series() -> None:
    """Also where an old copy with the same name was put back: the PLC must not take its numbers for old ones."""
    bench = Bench(Position(9, JOURNAL, 40))
    bench.line.hear(JournalReplaced(JOURNAL, expected=41, found=3))
    bench.line.hear(verdict(1))
    offered = bench.line.image().offered
    assert offered is not None
    assert (offered.reason, offered.position) == (LostReason.JOURNAL_REPLACED, Position(10, JOURNAL, 0))
    assert bench.line.acknowledge(ticket(9, 40)) == 0, "the PLC still says what it took last"
    assert bench.line.acknowledge(ticket(10, 0)) == 1
    assert bench.offered() == 1
    assert bench.acknowledge(1) == 1
    assert bench.line.position == Position(10, JOURNAL, 1)


def test_what_waits_of_the_old_series_is_taken_before_the_new() -> None:
    bench = Bench(Position(9, JOURNAL, 40))
    bench.line.hear(verdict(41))
    bench.line.hear(JournalReplaced("other", expected=42, found=1))
    bench.line.hear(verdict(1).model_copy(update={"journal": "other"}))
    assert [bench.line.acknowledge(ticket(*named)) for named in ((9, 41), (10, 0), (10, 1))] == [1, 1, 1]
    assert bench.line.position == Position(10, "other", 1)


def test_only_parts_or_only_frames_are_handed_over() -> None:
    for only, wanted in ((Only.ALL, [1, 2]), (Only.FRAMES, [1]), (Only.PARTS, [2])):
        bench = Bench(only=only)
        assert [event.sequence for event in (verdict(1), part(2)) if bench.line.hear(event)] == wanted


def test_what_is_not_handed_over_counts_as_taken() -> None:
    """So a bridge for parts alone does not read a shift's frames again when it starts."""
    bench = Bench(only=Only.PARTS)
    for event in (verdict(1), verdict(2), part(3), verdict(4)):
        bench.line.hear(event)
    assert bench.line.position is not None
    assert bench.line.position.sequence == 2, "not beyond a part that waits"
    bench.acknowledge(3)
    bench.line.hear(verdict(5))
    assert bench.line.position.sequence == 5


def test_cameras_have_the_numbers_of_their_options() -> None:
    bench = Bench(cameras=("top", "side"))
    numbers = []
    for sequence, camera in enumerate(("side", "top", "web"), 1):
        bench.line.hear(verdict(sequence, camera=camera))
        numbers.append(bench.line.image().camera_number)
        bench.acknowledge(sequence)
    assert numbers == [2, 1, 0]


def test_counts_are_by_outcome() -> None:
    bench = Bench(waiting=9)
    for sequence, like in enumerate((PASS, FAIL, ERROR, PASS), 1):
        bench.line.hear(verdict(sequence, like))
    bench.acknowledge(4)
    image = bench.line.image()
    assert (image.passed, image.failed, image.errors, image.lost) == (2, 1, 1, 0)


def test_life_counts_every_half_second() -> None:
    bench = Bench()
    before = bench.line.image()
    bench.clock.now += 0.5
    after = bench.line.image()
    assert after.life == before.life + 1
    assert (before.status ^ after.status) & Status.LIFE_BIT


def test_a_camera_that_does_not_run_is_told() -> None:
    bench = Bench()
    bench.line.hear(beat(1))  # its camera is backing off
    assert Status.CAMERAS_RUN not in bench.status()
    running = CameraStatus(camera="web", state=CameraState.RUNNING, frames=1, restarts=0)
    bench.line.hear(beat(1).model_copy(update={"cameras": (running,)}))
    assert Status.CAMERAS_RUN in bench.status()
