"""Where a process is killed: before, in the middle of, or after its n-th call that changes a file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

NEVER: Final = 0
_NUMBERED: Final = re.compile(r"(writing|old)-\w+|\d+")
"""What differs in the names of like files."""
_BYTES: Final = frozenset({"write", "pwrite", "pwrite64", "sendfile", "sendfile64"})


class How(StrEnum):
    """When exactly."""

    BEFORE = "before"
    TORN = "torn"
    """When half of the bytes are written."""
    AFTER = "after"


@dataclass(frozen=True)
class Point:
    """One of them."""

    number: int
    """Of the call, from 1."""
    how: How

    def environment(self, library: Path, below: Path, log: Path) -> Mapping[str, str]:
        """To start the process with. Calls on files in `below` count, and are noted in `log`."""
        return {
            "LD_PRELOAD": str(library),
            "FAILPOINT_BELOW": str(below),
            "FAILPOINT_AT": str(self.number),
            "FAILPOINT_HOW": self.how,
            "FAILPOINT_LOG": str(log),
        }


@dataclass(frozen=True)
class Call:
    """A call that changed a file."""

    name: str
    path: str
    """Below the directory that counts."""


def noted(log: Path) -> list[Call]:
    """The calls that a process made, in order."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [Call(*line.split(" ", 2)[1:]) for line in lines]


def chosen(calls: Sequence[Call], most: int) -> list[Point]:
    """At most so many points: of each kind of call on each kind of file as many as of the others, as far as there are,
    spread over the process's life; before, within and after it."""
    kinds: dict[tuple[str, str, How], list[Point]] = defaultdict(list)
    for number, call in enumerate(calls, start=1):
        for how in How:
            if how is not How.TORN or call.name in _BYTES:
                kinds[call.name, _NUMBERED.sub("", call.path), how].append(Point(number, how))
    taken = zip_longest(*(_spread(points) for points in kinds.values()))
    return list(islice((point for row in taken for point in row if point is not None), most))


def _spread(points: Sequence[Point]) -> Iterator[Point]:
    """All of them, those first that halve what lies between those before."""
    count = len(points)
    order = sorted(range(count), key=lambda index: int(f"{index:0{count.bit_length()}b}"[::-1], 2))
    return (points[index] for index in order)
