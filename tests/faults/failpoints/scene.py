"""A scene: a process that writes, killed at a point, started anew, and held against what was heard of it."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.faults.failpoints.points import NEVER, Call, How, Point, noted


class Scene(ABC):
    """One component at one kind of work."""

    name: ClassVar[str]
    share: ClassVar[int] = 1
    """Of the kill points, against the other scenes."""

    def __init__(self, library: Path) -> None:
        self._library = library

    @abstractmethod
    def play(self, folder: Path, point: Point) -> list[Call]:
        """Do the work in an empty folder until the point is reached, restart, and assert that all is as it must be.

        Returns the calls made; the last one is that at which the process was killed."""

    def calls(self, folder: Path) -> list[Call]:
        """Those that it makes where nothing kills it."""
        return self.play(folder, Point(NEVER, How.BEFORE))

    def environment(self, folder: Path, point: Point, below: Path) -> Mapping[str, str]:
        """To start the process with."""
        return point.environment(self._library, below, self._log(folder))

    def killed_at(self, folder: Path, point: Point, code: int) -> list[Call]:
        """The calls made by a process that ended with `code`."""
        expected = 0 if point.number == NEVER else -signal.SIGKILL
        calls = noted(self._log(folder))
        if point.number > len(calls):  # it had fewer to make this time
            expected = 0
        assert code == expected, f"it ended with {code}"
        return calls

    @staticmethod
    def _log(folder: Path) -> Path:
        return folder / "calls"
