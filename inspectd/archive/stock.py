"""What lies in an archive, and what goes first when there is not room for all.

Of a million entries, each is kept as a plain tuple of numbers and texts, which Python's garbage collector looks at once
and never again. Of objects it would look through all, every now and then, while the whole line waits.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from inspectd.archive.layout import EntryName, Kept

RESERVED: Final = {Kept.SAMPLE: 0.05, Kept.NEAR: 0.1, Kept.ERROR: 0.1}
"""The share of the archive that those needed less keep all the same: a person who labels wants to see them too."""


class Item(NamedTuple):
    """An entry. Sorts by its name, oldest first."""

    name: EntryName
    day: str
    camera: str
    bytes: int
    written_s: float
    """By the clock of ages."""


_Row = tuple[int, int, str, str, str, int, float]
"""An item, flat; sorts as it does."""


class Stock:
    """For one thread."""

    def __init__(self) -> None:
        self._heaps: dict[Kept, list[_Row]] = {kept: [] for kept in Kept}
        self._of_kind = dict.fromkeys(Kept, 0)
        self._labelled: deque[_Row] = deque()
        self._labelled_bytes = 0

    @property
    def bytes(self) -> int:
        """Of all."""
        return sum(self._of_kind.values()) + self._labelled_bytes

    def add(self, item: Item, *, labelled: bool = False) -> None:
        """An entry is there. One that was labelled is counted, and never offered for removal."""
        if labelled:
            self._labelled.append(_row(item))
            self._labelled_bytes += item.bytes
        else:
            heapq.heappush(self._heaps[item.name.kept], _row(item))
            self._of_kind[item.name.kept] += item.bytes

    def drop(self, item: Item, *, labelled: bool = False) -> None:
        """An entry that was offered is gone, or turned out to be labelled."""
        heap = self._heaps[item.name.kept]
        assert heap[0] == _row(item)
        heapq.heappop(heap)
        self._of_kind[item.name.kept] -= item.bytes
        if labelled:
            self.add(item, labelled=True)

    @property
    def labelled(self) -> int:
        """How many are labelled, as far as that is known."""
        return len(self._labelled)

    def next_labelled(self) -> Item:
        """Of those labelled the one that was looked at longest ago; there is one."""
        return _item(self._labelled[0])

    def drop_labelled(self) -> None:
        """`next_labelled` is none that is labelled any more, or is to be looked at last: it can be added again."""
        self._labelled_bytes -= _item(self._labelled.popleft()).bytes

    def least_needed(self) -> Item | None:
        """The oldest of the kind needed least that has more than its share; None where all are labelled."""
        filled = [kept for kept in Kept if self._heaps[kept]]
        if not filled:
            return None
        total = self.bytes
        beyond = [kept for kept in filled if self._of_kind[kept] > RESERVED.get(kept, 0.0) * total]
        return _item(self._heaps[(beyond or filled)[0]][0])

    def written_before(self, moment_s: float) -> Item | None:
        """One that was written before, oldest first."""
        return next((item for item in self._oldest() if item.written_s < moment_s), None)

    def _oldest(self) -> Iterator[Item]:
        return map(_item, sorted(heap[0] for heap in self._heaps.values() if heap))


def _row(item: Item) -> _Row:
    journal, sequence, kept = item.name
    return journal, sequence, kept.value, item.day, item.camera, item.bytes, item.written_s


def _item(row: _Row) -> Item:
    journal, sequence, kept, day, camera, size, written_s = row
    return Item(EntryName(journal, sequence, Kept(kept)), day, camera, size, written_s)
