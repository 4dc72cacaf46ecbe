from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from inspectd.client import Event, Gap, JournalReplaced, Restart, Silence
from inspectd.watch import format_event, format_line, format_status, watch
from inspectd.wire.models import CameraState, CameraStatus, DaemonState, Heartbeat, Outcome, Reason, Verdict
from tests.inspectd.publishing import draft


def verdict(frame: int | None = 7, **changes: Any) -> Verdict:
    return draft(frame, **changes).numbered("line-3", "boot", "journal", 1042)


BEAT = Heartbeat(
    publisher="line-3",
    boot="boot",
    journal="journal",
    sequence=12,
    beat=3,
    state=DaemonState.INSPECTING,
    surface="brick",
    bundle="brick-0123456789abcdef",
    threshold=2.0,
    cameras=(CameraStatus(camera="web", state=CameraState.BACKING_OFF, frames=12, restarts=2),),
    passed=10,
    failed=1,
    errors=1,
    open_frames=2,
    sent_utc="2026-11-24T03:00:00.000000Z",
    sent_monotonic_ns=1,
)


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.FAIL])
def test_a_line_tells_what_was_judged(outcome: Outcome) -> None:
    line = format_line(verdict(outcome=outcome))
    for told in ("1042", "web #7", outcome.value, "5.0 ms", "7.png"):
        assert told in line.plain
    assert ("2.5 / 1" if outcome is Outcome.FAIL else "0.5 / 1") in line.plain
    assert ("1 region" in line.plain) == (outcome is Outcome.FAIL)


def test_a_line_tells_why_there_is_no_score() -> None:
    line = format_line(
        verdict(outcome=Outcome.ERROR, reason=Reason.CAMERA_LOST, detail="unplugged", frame=None, source=None)
    )
    for told in ("ERROR", "camera_lost", "unplugged"):
        assert told in line.plain


def test_outcomes_can_be_told_apart_by_colour() -> None:
    styles = {
        outcome: {str(span.style) for span in format_line(verdict(outcome=outcome)).spans}
        for outcome in (Outcome.PASS, Outcome.FAIL)
    }
    assert "bold green" in styles[Outcome.PASS]
    assert "bold red" in styles[Outcome.FAIL]


def test_columns_stand_below_each_other() -> None:
    lines = [format_line(verdict(outcome=outcome, source=None)).plain for outcome in (Outcome.PASS, Outcome.FAIL)]
    assert len({line.index(" ms") for line in lines}) == 1


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Gap(3, 5, "no replay address was given"), "verdicts 3 to 5 are missing: no replay address was given"),
        (Silence(6.2), "nothing heard for 6 s"),
        (Restart("b2"), "restarted (boot b2)"),
        (JournalReplaced("j2", 31, 4), "31 was to come next, now 4 is heard of"),
    ],
)
def test_what_the_client_found_out_is_told(event: Event, told: str) -> None:
    line = format_event(event)
    assert line is not None
    assert told in line.plain


def test_a_status_line_tells_state_counts_and_cameras() -> None:
    status = format_status(BEAT)
    for told in ("line-3", "inspecting brick", "10 passed, 1 failed, 1 errors", "2 open", "web backing_off"):
        assert told in status.plain


def test_off_a_terminal_lines_are_plain_and_whole() -> None:
    written = io.StringIO()
    watch([BEAT, verdict(), Silence(5)], Console(file=written, width=20))
    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    assert "\x1b" not in written.getvalue()
    assert lines[0] == format_line(verdict()).plain


def test_on_a_terminal_the_status_is_shown() -> None:
    written = io.StringIO()
    watch([BEAT, verdict()], Console(file=written, force_terminal=True, width=100, color_system="standard"))
    assert "inspecting brick" in written.getvalue()
    assert "1042" in written.getvalue()
    assert "\x1b[" in written.getvalue()
