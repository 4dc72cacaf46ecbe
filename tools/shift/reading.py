"""A shift's messages, out of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from inspectd.client.messages import parsed_numbered
from inspectd.journal import JournalReader
from inspectd.wire.models import Change, Numbered, PartVerdict
from tools.errors import ShiftError

READ_AT_ONCE = 1000
"""Between two reads the daemon can empty its log into the file."""


@dataclass(frozen=True)
class Window:
    """From `since` until, but without, `until`; both with their time zone."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        """How long it is, s."""
        return (self.until - self.since).total_seconds()


def window_of(reader: JournalReader, since: datetime | None, until: datetime | None, hours: float) -> Window:
    """The shift that is asked for; without `since`, the `hours` before its end, without `until`, up to the newest.

    Raises:
        ShiftError: the journal is empty, or the end lies before the beginning.
    """
    newest_s = reader.newest_s()
    if newest_s is None:
        raise ShiftError("the journal holds no verdict")
    end = until or datetime.fromtimestamp(newest_s + 1).astimezone()
    begin = since or end - timedelta(hours=hours)
    if begin >= end:
        raise ShiftError(f"--since {begin:%Y-%m-%d %H:%M} lies after the end, {end:%Y-%m-%d %H:%M}")
    return Window(begin, end)


def read_shift(journal: Path, reader: JournalReader, window: Window) -> Iterator[Numbered]:
    """Everything said in the window, by number; what was captured, triggered or changed then counts.

    Raises:
        ShiftError: there is nothing.
    """
    first = reader.first_since(window.since.timestamp())
    last = reader.bounds().last
    found = False
    while first is not None and first <= last:
        messages = list(reader.read(first, last, READ_AT_ONCE))
        if not messages:
            break
        for message in map(parsed_numbered, messages):
            if window.since <= moment(message) < window.until:
                found = True
                yield message
        first = message.sequence + 1
    if not found:
        raise ShiftError(
            f"{journal}: nothing was said from {window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M}; "
            "give --since and --until, in this PC's time"
        )


def moment(message: Numbered) -> datetime:
    """When it was captured, triggered or changed."""
    match message:
        case Change():
            return datetime.fromisoformat(message.changed_utc)
        case PartVerdict():
            return datetime.fromisoformat(message.triggered_utc)
        case _:
            return datetime.fromisoformat(message.captured_utc)
