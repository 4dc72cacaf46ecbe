"""The terminal view: a line for every verdict as it comes, and what the client found out in between."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from inspectd.client import Event, Gap, JournalReplaced, Restart, Silence
from inspectd.wire.models import CameraState, Change, DriftLevel, Heartbeat, Outcome, PartVerdict, Verdict

STYLES = {Outcome.PASS: "bold green", Outcome.FAIL: "bold red", Outcome.ERROR: "bold yellow"}
WELL = {CameraState.RUNNING, CameraState.ENDED, CameraState.STARTING}


def format_line(verdict: Verdict) -> Text:
    """A verdict in one line: number, camera, frame, outcome, score against threshold, regions or reason, latency."""
    frame = "" if verdict.frame is None else f" #{verdict.frame}"
    line = Text.assemble(
        (f"{verdict.sequence:>8}", "dim"),
        f"  {verdict.camera + frame:<14} ",
        (f"{verdict.outcome:<5}", STYLES[verdict.outcome]),
        f"  {_score(verdict):>15}",
        f"  {_found(verdict):<11}",
        (f"  {verdict.latency_ms:7.1f} ms", "red" if verdict.latency_ms > verdict.deadline_ms else "dim"),
    )
    if verdict.part:
        line.append(f"  part {verdict.part}", "dim")
    if verdict.untriggered:
        line.append("  no trigger", "bold yellow")
    if verdict.source:
        line.append(f"  {verdict.source}", "dim")
    if verdict.detail:
        line.append(f"  {verdict.detail}", STYLES[verdict.outcome])
    return line


def format_part(verdict: PartVerdict) -> Text:
    """A part's verdict in one line: number, id, outcome, what its cameras said, latency."""
    line = Text.assemble(
        (f"{verdict.sequence:>8}", "dim"),
        f"  part {verdict.part:<9} ",
        (f"{verdict.outcome:<5}", STYLES[verdict.outcome]),
        f"  {', '.join(f'{frame.camera} {frame.outcome}' for frame in verdict.frames)}",
        (f"  {verdict.latency_ms:7.1f} ms", "red" if verdict.latency_ms > verdict.deadline_ms else "dim"),
    )
    if verdict.detail:
        line.append(f"  {verdict.detail}", STYLES[verdict.outcome])
    return line


def format_change(change: Change) -> Text:
    """A change in one line: number, what was done, the bundle and threshold from here on, who and why."""
    bundle = change.bundle if change.bundle == change.bundle_before else f"{change.bundle_before} → {change.bundle}"
    return Text.assemble(
        (f"{change.sequence:>8}", "dim"),
        (f"  {change.action} ", "bold cyan"),
        f"{bundle}, threshold {change.threshold_before:.4g} → {change.threshold:.4g}, by {change.who}",
        f": {change.why}" if change.why else "",
    )


def format_event(event: Event) -> Text | None:
    """Any event in one line; None where it deserves none."""
    if isinstance(event, Verdict):
        return format_line(event)
    if isinstance(event, PartVerdict):
        return format_part(event)
    if isinstance(event, Change):
        return format_change(event)
    return _format_news(event)


def _format_news(event: Event) -> Text | None:
    """What the client found out by itself."""
    match event:
        case Gap(first=first, last=last, detail=detail):
            return Text(f"verdicts {first} to {last} are missing: {detail}", "bold magenta")
        case Silence(seconds=seconds):
            return Text(f"nothing heard for {seconds:.0f} s: nothing is being inspected", "bold yellow")
        case Restart(boot=boot):
            return Text(f"the daemon was restarted (boot {boot})", "cyan")
        case JournalReplaced(expected=expected, found=found):
            return Text(
                f"the journal was replaced: {expected} was to come next, now {found} is heard of", "bold magenta"
            )
        case _:
            return None


def format_status(beat: Heartbeat) -> Text:
    """A heartbeat in one line: what is inspected, the state, the counts, the cameras."""
    status = Text.assemble(
        (f"{beat.publisher} ", "bold"),
        (f"{beat.state} {beat.surface}", "cyan"),
        f" · {beat.passed} passed, {beat.failed} failed, {beat.errors} errors · {beat.open_frames} open",
    )
    for camera in beat.cameras:
        status.append(f" · {camera.camera} {camera.state}", "" if camera.state in WELL else "bold yellow")
        if camera.drift is not None and camera.drift.detail:
            style = "bold yellow" if camera.drift.level is DriftLevel.WARNING else ""
            status.append(f" ({camera.drift.detail})", style)
    return status


def watch(events: Iterable[Event], console: Console | None = None) -> None:
    """Print events as they come, until they end. On a terminal the newest heartbeat stays on the last line."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        for event in events:
            _print(console, event)
        return
    with Live(Text("nothing heard yet", "dim"), console=console, auto_refresh=False, transient=True) as live:
        for event in events:
            if isinstance(event, Heartbeat):
                live.update(format_status(event), refresh=True)
            _print(console, event)


def _print(console: Console, event: Event) -> None:
    line = format_event(event)
    if line is not None:
        console.print(line, soft_wrap=True)


def _score(verdict: Verdict) -> str:
    return "" if verdict.score is None else f"{verdict.score:.4g} / {verdict.threshold:.4g}"


def _found(verdict: Verdict) -> str:
    if verdict.reason is not None:
        return verdict.reason
    count = len(verdict.regions) + verdict.regions_omitted
    return "" if count == 0 else f"{count} region{'s' if count > 1 else ''}"
