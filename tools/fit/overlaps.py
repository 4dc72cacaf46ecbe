"""Which good pictures show the same piece of surface: exposures of one part, frames that follow each other closely.

One of them held out while another is learned says how well the learned is known, not how others will look; the
threshold would promise too much. Names and times tell such pictures only where somebody took care, so it is looked
for, as pictures for a panorama are matched (Brown and Lowe, Automatic Panoramic Image Stitching using Invariant
Features, IJCV 2007): points of interest, each with its nearest others among all pictures; a similarity between two
pictures that share some; and then their pixels, laid over each other. Differences of light do not matter, since all
is done on pictures whose brightness and contrast were levelled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.fit.ahead import ahead
from tools.fit.pictures import PictureFile
from tools.fit.steps import Advance

SIDE = 256
"""Pictures are brought to the area of a square of this side, px."""
SURROUNDINGS = 12.0
"""Standard deviation of the surroundings that brightness and contrast are levelled by, px."""
MOST_POINTS, ALL_POINTS = 100, 60_000
"""Points of interest of a picture at most, and of all: of many pictures, fewer each."""
FEWEST_POINTS = 20
NEAREST = 8
"""Points of other pictures to which each is compared."""
CANDIDATES = 6
"""Pictures that each is laid over: those that share most points with it. Of a part with more exposures, one leads to
the next."""
FEWEST_SHARED = 4
"""Points that two pictures share before they are laid over each other."""
NEAR = 3.0
"""How far off a shared point may lie, px."""
MOST_SCALED = 1.25
"""By how much one picture may show a surface larger than another."""
ALIKE = 0.6
"""Correlation of pixels from which two pictures show the same. Exposures of magnetic tiles, overlapping pictures of
paper and of a brick wall correlate by 0.8 to 1, all other pairs that share points by less than 0.5."""
UNIQUE = 2.0
"""How many times as much has to be left unexplained where they are laid over each other elsewhere: a weave fits itself
again and again, whichever piece of it."""
LEAST_SHARE = 0.1
"""Of a picture, that another shows as well."""
WHOLE = 0.9
"""Share of a picture from which another shows the same from border to border."""
_GREY, _PER_DEVIATION = 128, 40.0
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Overlaps:
    """What pictures show in common."""

    shown_by: Mapping[Path, AbstractSet[Path]] = field(default_factory=dict)
    """By picture, the others that show some of it as well; without those that show nothing in common with any."""
    whole: bool = False
    """Whether pictures that overlap do so from border to border: they are of one part, or of parts with one print."""

    def places(self, files: Sequence[Path]) -> list[set[int]]:
        """For each of `files`, the places in it of others that show some of the same. A file may come several times."""
        of_file: dict[Path, list[int]] = defaultdict(list)
        for place, file in enumerate(files):
            of_file[file].append(place)
        return [{place for other in self.shown_by.get(file, ()) for place in of_file.get(other, ())} for file in files]


def find_overlaps(pictures: Sequence[PictureFile], advance: Advance = lambda _: None) -> Overlaps:
    """Look for pictures that show the same, whatever their names.

    Args:
        pictures: of one surface.
        advance: called as pictures are done.

    Raises:
        PictureError: one has become unreadable.
    """
    # By content, so that renaming the files changes nothing.
    ordered = sorted(pictures, key=lambda picture: picture.sha256)
    most = int(np.clip(ALL_POINTS // max(1, len(ordered)), FEWEST_POINTS, MOST_POINTS))
    seen = []
    for each in ahead((partial(_see, picture, most) for picture in ordered), cv2.getNumThreads()):
        seen.append(each)
        advance(1)
    shown_by: dict[Path, set[Path]] = defaultdict(set)
    shares = []
    for one, other, share in _overlapping(seen):
        first, second = ordered[one].path, ordered[other].path
        shown_by[first].add(second)
        shown_by[second].add(first)
        shares.append(share)
    whole = bool(shares) and float(np.quantile(shares, 0.05)) >= WHOLE
    return Overlaps({path: frozenset(others) for path, others in shown_by.items()}, whole)


@dataclass(frozen=True)
class _Seen:
    """A picture as it is compared."""

    levelled: Grey
    places: NDArray[np.float32]
    """n×2, x and y of its points of interest, px of `levelled`."""
    descriptors: NDArray[np.float32]
    """n×128."""


def _see(picture: PictureFile, most: int) -> _Seen:
    grey = cv2.cvtColor(picture.read(), cv2.COLOR_RGB2GRAY)
    levelled = _level(np.asarray(grey, np.uint8))
    points, described = cv2.SIFT.create(nfeatures=most, contrastThreshold=0.02).detectAndCompute(levelled, None)
    if described is None or not points:
        return _Seen(levelled, np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    # The square root of a histogram compares better than the histogram (Arandjelović and Zisserman, CVPR 2012).
    histograms = np.asarray(described[:most], np.float32)
    descriptors = np.sqrt(histograms / np.maximum(histograms.sum(1, keepdims=True), 1e-6))
    return _Seen(levelled, np.array([point.pt for point in points[:most]], np.float32), descriptors)


def _level(grey: Grey) -> Grey:
    scale = SIDE / float(np.sqrt(grey.size))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=interpolation).astype(np.float32)
    # A little smoothing takes the sensor's noise away, which no two pictures share.
    smooth = cv2.GaussianBlur(small, (0, 0), 1.0)
    difference = smooth - cv2.GaussianBlur(smooth, (0, 0), SURROUNDINGS)
    deviation = np.sqrt(cv2.GaussianBlur(difference * difference, (0, 0), SURROUNDINGS)) + 1
    return np.asarray(np.clip(np.rint(_GREY + _PER_DEVIATION * difference / deviation), 0, 255), np.uint8)


def _overlapping(seen: Sequence[_Seen]) -> Iterator[tuple[int, int, float]]:
    """Pairs of pictures that show the same, by index, and the share of a picture that they have in common."""
    shared = _SharedPoints.between(seen)
    tried = set()
    for one in range(len(seen)):
        for other in shared.most_with(one):
            pair = min(one, other), max(one, other)
            if pair in tried:
                continue
            tried.add(pair)
            if share := _in_common(seen[one], seen[other], shared.points(one, other)):
                yield *pair, share


@dataclass(frozen=True)
class _SharedPoints:
    """Points of two pictures that look alike, by pairs of pictures."""

    pairs: dict[int, list[tuple[int, slice]]]
    """By picture, every other with which it shares some, and where those stand in `of_both`."""
    of_both: NDArray[np.intp]
    """n×2, a point of the one and a point of the other, by index."""

    @classmethod
    def between(cls, seen: Sequence[_Seen]) -> _SharedPoints:
        counts = [len(each.places) for each in seen]
        if sum(counts) <= NEAREST:
            return cls({}, np.empty((0, 2), np.intp))
        descriptors = np.concatenate([each.descriptors for each in seen])
        picture = np.repeat(np.arange(len(seen)), counts)
        point = np.concatenate([np.arange(count) for count in counts])
        cv2.setRNGSeed(0)  # the trees are grown at random
        trees = cv2.flann.Index(descriptors, {"algorithm": 1, "trees": 4})
        nearest, _ = trees.knnSearch(descriptors, NEAREST + 1, params={"checks": 32})
        first, second = np.repeat(np.arange(len(descriptors)), NEAREST + 1), np.asarray(nearest).ravel()
        apart = picture[first] != picture[second]
        first, second = np.concatenate([first[apart], second[apart]]), np.concatenate([second[apart], first[apart]])
        # One number for a pair of points: far quicker to sort and to find again than rows of two.
        first, second = np.divmod(np.unique(first * len(descriptors) + second), len(descriptors))
        of_pair = picture[first] * len(seen) + picture[second]
        order = np.argsort(of_pair, kind="stable")
        numbers, starts = np.unique(of_pair[order], return_index=True)
        pairs: dict[int, list[tuple[int, slice]]] = defaultdict(list)
        for number, start, stop in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
            pairs[int(number) // len(seen)].append((int(number) % len(seen), slice(int(start), int(stop))))
        both = np.stack([first[order], second[order]], axis=1)
        return cls(pairs, point[both])

    def most_with(self, one: int) -> list[int]:
        """The pictures that share most points with this one, and enough."""
        sizes = [(places.start - places.stop, other) for other, places in self.pairs.get(one, ())]
        return [other for size, other in sorted(sizes)[:CANDIDATES] if -size >= FEWEST_SHARED]

    def points(self, one: int, other: int) -> NDArray[np.intp]:
        """n×2, indices into the points of either."""
        return self.of_both[dict(self.pairs[one])[other]]


def _in_common(one: _Seen, other: _Seen, points: NDArray[np.intp]) -> float:
    """The share of `other` that `one` shows as well: where the similarity that most of their shared points follow lays
    them over each other, if they agree there and nowhere else; else 0. `points`: n×2, indices into those of either."""
    cv2.setRNGSeed(0)
    similarity, following = cv2.estimateAffinePartial2D(
        one.places[points[:, 0]],
        other.places[points[:, 1]],
        method=cv2.RANSAC,
        ransacReprojThreshold=NEAR,
        maxIters=200,
    )
    if similarity is None or following.sum() < FEWEST_SHARED:
        return 0.0
    scale = float(np.hypot(similarity[0, 0], similarity[1, 0]))
    if not 1 / MOST_SCALED < scale < MOST_SCALED:
        return 0.0
    height, width = other.levelled.shape
    laid = np.asarray(cv2.warpAffine(one.levelled, similarity, (width, height), borderValue=_GREY), np.uint8)
    covered = np.asarray(cv2.warpAffine(np.ones_like(one.levelled), similarity, (width, height)) > 0)
    share = float(covered.mean())
    if share < LEAST_SHARE:
        return 0.0
    alike = _correlation(laid[covered], other.levelled[covered])
    unique = 1 - _elsewhere(laid, other.levelled, covered) > UNIQUE * (1 - alike)
    return share if alike > ALIKE and unique else 0.0


def _correlation(a: Grey, b: Grey) -> float:
    first, second = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / spread if spread else 0.0


def _elsewhere(laid: Grey, other: Grey, covered: NDArray[np.bool_]) -> float:
    """How well the middle of what both show fits anywhere but where it lies."""
    x, y, width, height = cv2.boundingRect(covered.astype(np.uint8))
    top, left = y + height // 4, x + width // 4
    middle = other[top : top + max(8, height // 2), left : left + max(8, width // 2)]
    fits = cv2.matchTemplate(laid, middle, cv2.TM_CCOEFF_NORMED)
    around = int(SURROUNDINGS)
    fits[max(0, top - around) : top + around + 1, max(0, left - around) : left + around + 1] = -1
    return float(np.nan_to_num(fits, nan=-1, posinf=-1).max())
