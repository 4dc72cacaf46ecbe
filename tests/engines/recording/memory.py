"""Memory of the recording driver, and who used it when.

Every piece of work carries a vector clock: how much of each stream is certain to be done before it begins. Two uses of
the same bytes, one of them a write, must be ordered by these clocks, whatever order they happen to be done in. The host
has a clock as well: what it has learned from events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Clock = dict[int, int]
"""By stream: how many of its pieces of work are done."""


class Violation(AssertionError):  # noqa: N818 - a broken rule, not an error of the code that finds it
    """A rule of CUDA's was broken."""


def merge(clock: Clock, other: Clock) -> None:
    """Let `clock` know what `other` knows."""
    for stream, done in other.items():
        clock[stream] = max(clock.get(stream, 0), done)


@dataclass(frozen=True)
class Use:
    """A piece of work's use of some bytes."""

    stream: int
    number: int
    """Of the work, in its stream, from 1."""
    start: int
    stop: int
    writes: bool
    what: str

    def before(self, clock: Clock) -> bool:
        """Whether it is certain to be over."""
        return clock.get(self.stream, 0) >= self.number

    def clashes(self, other: Use) -> bool:
        """Whether the order of the two matters."""
        return (self.writes or other.writes) and self.start < other.stop and other.start < self.stop


@dataclass(eq=False)
class Allocation:
    """A piece of memory of the device, or page-locked memory of the host."""

    name: str
    address: int
    data: NDArray[np.uint8] = field(repr=False)
    freed: bool = False
    uses: list[Use] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """First address behind it."""
        return self.address + self.data.size

    def use(self, use: Use, clock: Clock) -> None:
        """Note that a piece of work with this clock uses it.

        Raises:
            Violation: it was freed, or another stream may be using the same bytes at the same time.
        """
        if self.freed:
            raise Violation(f"{use.what} uses {self.name} after it was freed")
        for other in self.uses:
            if other.clashes(use) and not other.before(clock):
                raise Violation(
                    f"{use.what} (stream {use.stream}) and {other.what} (stream {other.stream}) "
                    f"use {self.name} in no certain order"
                )
        self.uses.append(use)

    def touched_by_host(self, host: Clock, how: str) -> None:
        """Note that the host uses it, or frees it.

        Raises:
            Violation: it was freed, or a stream may still be using it.
        """
        if self.freed:
            raise Violation(f"{self.name} is {how} after it was freed")
        self.uses = [use for use in self.uses if not use.before(host)]
        if self.uses:
            use = self.uses[0]
            raise Violation(f"{self.name} is {how} while stream {use.stream} owns it for {use.what}")


class AddressSpace:
    """What lies where."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._allocations: list[Allocation] = []

    def add(self, allocation: Allocation) -> None:
        """Note a new allocation."""
        self._allocations.append(allocation)

    def live(self) -> list[Allocation]:
        """Those that were not freed."""
        return [allocation for allocation in self._allocations if not allocation.freed]

    def find(self, address: int, size: int, what: str) -> tuple[Allocation, int]:
        """The allocation that holds these bytes, the newest first, and where they begin in it.

        Raises:
            Violation: none holds all of them.
        """
        for allocation in reversed(self._allocations):
            if allocation.address <= address and address + size <= allocation.stop:
                return allocation, address - allocation.address
        raise Violation(f"{what}: {size} bytes at {address:#x} lie in no {self._name}")
