"""Which pictures a person is shown, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inspectd.archive import ArchiveReader, Entry, Kept, Opinion
from inspectd.errors import ArchiveError

MOST: Final = 2000
"""Pictures in one list; who has looked at so many asks again."""


class Choice(StrEnum):
    """What is to be looked at."""

    FAIL = "fail"
    """Newest first."""
    NEAR = "near"
    """Nearest to the threshold first."""
    SAMPLE = "sample"
    """Newest first."""
    ERROR = "error"
    """Newest first."""
    LABELLED = "labelled"
    """Of whatever kind, newest first."""


_KEPT: Final = {
    Choice.FAIL: {Kept.FAIL},
    Choice.NEAR: {Kept.NEAR},
    Choice.SAMPLE: {Kept.SAMPLE},
    Choice.ERROR: {Kept.ERROR},
    Choice.LABELLED: set(Kept),
}


@dataclass(frozen=True)
class Worklist:
    """What there is of a choice."""

    entries: list[Entry]
    """At most `MOST`, in order."""
    opinions: dict[str, Opinion]
    """By `Entry.id`, of those in `entries` that are labelled."""
    total: int
    """How many there are of this choice."""


def make_worklist(reader: ArchiveReader, choice: Choice) -> Worklist:
    """What is to be looked at now.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    opinions = set(Opinion) if choice is Choice.LABELLED else None
    found = list(reader.entries(kept=_KEPT[choice], opinions=opinions, newest_first=True))
    shown = _nearest_first(found[:MOST]) if choice is Choice.NEAR else found[:MOST]
    labels = {entry.id: _opinion(entry) for entry in shown}
    return Worklist(shown, {name: opinion for name, opinion in labels.items() if opinion is not None}, len(found))


def counts(reader: ArchiveReader) -> dict[Choice, int]:
    """How many there are of each choice but `LABELLED`, which is slow to count."""
    found = Counter(entry.name.kept for entry in reader.entries())
    return {
        choice: sum(found[kept] for kept in kinds) for choice, kinds in _KEPT.items() if choice is not Choice.LABELLED
    }


def _nearest_first(entries: Iterable[Entry]) -> list[Entry]:
    ratios = {entry: _ratio(entry) for entry in entries}
    return sorted(ratios, key=lambda entry: ratios[entry], reverse=True)


def _ratio(entry: Entry) -> float:
    """Score as a share of the threshold; 0 of what has vanished, which is then told when it is shown."""
    try:
        verdict = entry.verdict()
    except ArchiveError:
        return 0.0
    return 0.0 if verdict.score is None else verdict.score / verdict.threshold


def _opinion(entry: Entry) -> Opinion | None:
    try:
        label = entry.label()
    except ArchiveError:
        return None
    return None if label is None else label.opinion
