"""Holding pictures out such that none of them shows what is learned.

Pictures that show the same surface hang together, and so do those of one group. Where what hangs together is small, it
is learned or held out whole. A web photographed closely hangs together from its first frame to its last: it is cut into
stretches, and frames that reach over a cut are set aside. Where even that leaves too little, as with many pictures of
one spot, nothing can be held out honestly, and whoever learns from them is told so.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

FEWEST_PIECES = 8
"""Of surface, so that some can be held out whole. Of fewer, those held out tell little of how others will look; and
pictures that fall into fewer may be parts with a handful of prints, of which each has to be learned."""
STRETCHES = 16, 8, 4
"""Into how many all pictures are cut where they hang together: the more, the better those held out stand for all, and
the more is lost."""
DRAWS = 20
"""How often stretches are drawn, until few enough pictures are lost: one at an end has one cut, others have two."""
MOST_ASIDE = 1 / 8
"""Share of all pictures that may be lost to cuts."""
Units = Literal["groups", "pieces", "stretches"]
_Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Apart:
    """Indices of pictures, ascending."""

    learned: list[int]
    held_out: list[int]
    weights: list[float]
    """How much each that is held out counts: 1 by itself, 1/n where n that are held out show the same."""
    aside: list[int]
    """Neither: they show some of what is held out, and of what is learned."""
    units: Units
    """What is learned or held out whole: groups by name (a picture by itself where none is named), pieces of surface
    with their groups, or stretches of a web."""
    counts: tuple[int, int]
    """How many of them are learned and held out."""
    seen: int
    """How many are held out although they show what is learned as well; 0 wherever that could be avoided."""


def set_apart(
    groups: Sequence[Hashable], shown_by: Sequence[AbstractSet[int]], wanted: int, rng: np.random.Generator
) -> Apart:
    """Choose at random about `wanted` pictures to hold out.

    Args:
        groups: by picture, what it hangs together with by name; two different ones at least.
        shown_by: by picture, which others show some of the same surface.
        wanted: how many, at least 1 and fewer than all.
        rng: decides which.
    """
    count = len(groups)
    named = _numbered(groups)
    overlaps = _graph(count, [(one, other) for one in range(count) for other in shown_by[one]])
    pieces = _pieces(named, overlaps)
    nothing = np.zeros(count, bool)
    if pieces.max() == named.max():  # no group shows what another does
        chosen = _chosen(named, wanted, rng)
        return _apart("groups", named, chosen, nothing, overlaps, _by_size(named[chosen]))
    many = pieces.max() + 1 >= FEWEST_PIECES
    if many:
        chosen = _chosen(pieces, wanted, rng)
        if abs(int(chosen.sum()) - wanted) <= wanted / 2:
            return _apart("pieces", pieces, chosen, nothing, overlaps, _by_size(pieces[chosen]))
    # Of its own, so that vain draws do not decide how pictures are drawn one by one.
    (of_stretches,) = rng.spawn(1)
    for stretches in _stretches(named, pieces, overlaps):
        for _ in range(DRAWS):
            chosen = _chosen(stretches, wanted, of_stretches)
            aside = ~chosen & _reached(overlaps, chosen)
            learned = ~chosen & ~aside
            if (
                aside.sum() <= MOST_ASIDE * count
                and learned.any()
                and (many or len(set(pieces[learned])) > pieces.max())
            ):
                alone = named.max() + 1 == count
                weights = _by_overlaps(overlaps, chosen) if alone else _by_size(named[chosen])
                return _apart("stretches", stretches, chosen, aside, overlaps, weights)
    # Weighed by what they show in common they would count as one or two, and nothing could be said at all.
    chosen = _chosen(named, wanted, rng)
    return _apart("groups", named, chosen, nothing, overlaps, _by_size(named[chosen]))


def _by_size(units: _Numbers) -> NDArray[np.float64]:
    """Every unit counts once."""
    return np.asarray(1 / np.bincount(units)[units])


def _by_overlaps(overlaps: csr_array, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A picture counts once together with those that it overlaps."""
    return np.asarray(1 / (1 + overlaps[chosen][:, chosen].sum(axis=1)))


def _apart(  # noqa: PLR0917 - what it is made of, once in each way
    kind: Units,
    units: _Numbers,
    chosen: NDArray[np.bool_],
    aside: NDArray[np.bool_],
    overlaps: csr_array,
    weights: NDArray[np.float64],
) -> Apart:
    learned = ~chosen & ~aside
    return Apart(
        np.flatnonzero(learned).tolist(),
        np.flatnonzero(chosen).tolist(),
        weights.tolist(),
        np.flatnonzero(aside).tolist(),
        kind,
        (len(np.unique(units[learned])), len(np.unique(units[chosen]))),
        int((chosen & _reached(overlaps, learned)).sum()),
    )


def _numbered(groups: Sequence[Hashable]) -> _Numbers:
    """0, 1, 2… in the order in which groups first come."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups])


def _graph(count: int, edges: Sequence[tuple[int, int]]) -> csr_array:
    rows, columns = np.array(edges, int).reshape(-1, 2).T
    return csr_array(coo_array((np.ones(len(rows), np.int32), (rows, columns)), shape=(count, count)))


def _reached(overlaps: csr_array, some: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pictures show some of what any of `some` does."""
    return np.asarray(overlaps @ some.astype(np.int32) > 0)


def _pieces(named: _Numbers, overlaps: csr_array) -> _Numbers:
    """What hangs together by name or by what it shows, numbered in the order in which it first comes."""
    return _numbered(connected_components(_together(named, overlaps), directed=False)[1].tolist())


def _together(named: _Numbers, overlaps: csr_array) -> csr_array:
    """Overlaps, and every picture of a group joined to the group's first."""
    first = {int(name): index for index, name in reversed(list(enumerate(named)))}
    by_name = [(first[int(name)], index) for index, name in enumerate(named)]
    by_name += [(index, one) for one, index in by_name]
    return csr_array(overlaps + _graph(len(named), by_name))


def _stretches(named: _Numbers, pieces: _Numbers, overlaps: csr_array) -> list[_Numbers]:
    """Ways to cut what hangs together, the finest first; what is no larger than a stretch stays whole. Groups that
    somebody named are never cut: they are the only way where there are some."""
    count = len(named)
    if named.max() + 1 < count:
        return [named]
    lines = [_in_line(piece, pieces, overlaps) for piece in range(pieces.max() + 1)]
    ways = []
    for cuts in STRETCHES:
        stretches, first = np.empty(count, np.intp), 0
        for line in lines:
            of_line = max(1, round(len(line) * cuts / count))
            stretches[line] = first + np.arange(len(line)) * of_line // len(line)
            first += of_line
        ways.append(_numbered(stretches.tolist()))
    return ways


def _in_line(piece: int, pieces: _Numbers, overlaps: csr_array) -> _Numbers:
    """The pictures of a piece from one end to the other: by how many overlaps lie between them and an end."""
    members = np.flatnonzero(pieces == piece)
    within = overlaps[members][:, members]
    end = breadth_first_order(within, 0, directed=False, return_predecessors=False)[-1]
    return np.asarray(members[breadth_first_order(within, end, directed=False, return_predecessors=False)])


def _chosen(units: _Numbers, wanted: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whole units, drawn at random, that come nearest to `wanted` pictures: neither none nor all."""
    sizes = np.bincount(units)
    order = rng.permutation(len(sizes))
    drawn = order[_nearest_sum(sizes[order].tolist(), wanted)]
    return np.isin(units, drawn)


def _nearest_sum(sizes: Sequence[int], wanted: int) -> list[int]:
    """Which of `sizes` (two at least), but neither none nor all of them, come nearest to `wanted` in sum. Earlier ones
    go first, so that sizes of 1 give the first `wanted`."""
    everything = sum(sizes)
    last: dict[int, int] = {}  # by sum: the place of the size that first completed it
    short = [0]  # sums below `wanted`; beyond it, more only leads away
    for place, size in enumerate(sizes):
        found = {before + size for before in short} - last.keys() - {everything}
        last |= dict.fromkeys(found, place)
        short += [each for each in found if each < wanted]
        if wanted in last:
            break
    total = min(last, key=lambda each: (abs(each - wanted), each))
    chosen = []
    while total:
        chosen.append(last[total])
        total -= sizes[last[total]]
    return chosen
