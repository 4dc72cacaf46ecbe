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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tools.fit.ahead import ahead
from tools.fit.mosaic import Laid, Matrix, overlapping
from tools.fit.pictures import PictureFile
from tools.fit.steps import Advance

SIDE = 256
"""Pictures are reduced or enlarged, all alike, so that the median one has the area of a square of this side, px."""
LARGEST = 4
"""Times that area, that a large one among them has at most."""
SURROUNDINGS = 12.0
"""Standard deviation of the surroundings that brightness and contrast are levelled by, px."""
MOST_POINTS, ALL_POINTS = 100, 200_000
"""Points of interest of a picture at most, and of all: of very many pictures fewer each, so that overlaps below a half
may be missed."""
FEWEST_POINTS = 20
NEAREST = 8
"""Points of other pictures to which each is compared."""
CANDIDATES = 6
"""Pictures that each is laid over: those that share most points with it. Of many that show the same, one leads to the
next."""
READERS = 4
"""Threads that read pictures at most."""
FEWEST_SHARED = 4
"""Points that two pictures share before they are laid over each other."""
NEAR = 3.0
"""How far off a shared point may lie, px."""
MOST_SCALED = 1.25
"""By how much one picture may show a surface larger than another."""
ALIKE = 0.6
"""Correlation of pixels from which two pictures show the same. Exposures of magnetic tiles, overlapping pictures of
paper and of a brick wall correlate by 0.8 to 1, all other pairs that share points by less than 0.5."""
UNIQUE = 1.5
"""How many times as much has to be left unexplained where they are laid over each other elsewhere: a weave fits itself
again and again, whichever piece of it."""
LEAST_SHARE = 0.1
"""Of the smaller of two pictures, that the other shows as well."""
WHOLE = 0.9
"""Share of a picture from which another shows the same from border to border."""
_GREY, _PER_DEVIATION = 128, 40.0
_LEAST_PIECE = 16
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
    scale = SIDE / float(np.sqrt(np.median([picture.height * picture.width for picture in ordered])))
    seen = []
    for each in ahead((partial(_see, picture, scale, most) for picture in ordered), min(READERS, cv2.getNumThreads())):
        seen.append(each)
        advance(1)
    found = overlapping([each.levelled.shape for each in seen], _laid_over(seen), LEAST_SHARE)
    shown_by: dict[Path, set[Path]] = defaultdict(set)
    for one, other, _ in found:
        first, second = ordered[one].path, ordered[other].path
        shown_by[first].add(second)
        shown_by[second].add(first)
    whole = bool(found) and float(np.quantile([share for _, _, share in found], 0.05)) >= WHOLE
    return Overlaps({path: frozenset(others) for path, others in shown_by.items()}, whole)


@dataclass(frozen=True)
class _Seen:
    """A picture as it is compared."""

    levelled: Grey
    scale: float
    """How much larger than the picture itself."""
    places: NDArray[np.float32]
    """n×2, x and y of its points of interest, px of `levelled`."""
    descriptors: NDArray[np.float32]
    """n×128."""


def _see(picture: PictureFile, scale: float, most: int) -> _Seen:
    grey = np.asarray(cv2.cvtColor(picture.read(), cv2.COLOR_RGB2GRAY), np.uint8)
    scale = min(scale, SIDE * float(np.sqrt(LARGEST / grey.size)))
    levelled = _level(grey, scale)
    points, described = cv2.SIFT.create(nfeatures=most, contrastThreshold=0.02).detectAndCompute(levelled, None)
    if described is None or not points:
        return _Seen(levelled, scale, np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    # The square root of a histogram compares better than the histogram (Arandjelović and Zisserman, CVPR 2012).
    histograms = np.asarray(described[:most], np.float32)
    descriptors = np.sqrt(histograms / np.maximum(histograms.sum(1, keepdims=True), 1e-6))
    return _Seen(levelled, scale, np.array([point.pt for point in points[:most]], np.float32), descriptors)


def _level(grey: Grey, scale: float) -> Grey:
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=interpolation).astype(np.float32)
    # A little smoothing takes the sensor's noise away, which no two pictures share.
    smooth = cv2.GaussianBlur(small, (0, 0), 1.0)
    difference = smooth - cv2.GaussianBlur(smooth, (0, 0), SURROUNDINGS)
    deviation = np.sqrt(cv2.GaussianBlur(difference * difference, (0, 0), SURROUNDINGS)) + 1
    return np.asarray(np.clip(np.rint(_GREY + _PER_DEVIATION * difference / deviation), 0, 255), np.uint8)


def _laid_over(seen: Sequence[_Seen]) -> list[Laid]:
    """Pairs of pictures that show the same. Where many nearly equal ones do, they are each other's nearest, and what
    shows the same in other light is not compared with them; so two of each that hang together are compared anew."""
    laid: list[Laid] = []
    compared = list(range(len(seen)))
    pieces = _pieces(len(seen), laid)
    while joined := [pair for pair in _laid_among(seen, compared) if pieces[pair.one] != pieces[pair.other]]:
        laid += joined
        pieces = _pieces(len(seen), laid)
        of_piece: dict[int, list[int]] = defaultdict(list)
        for index, piece in enumerate(pieces.tolist()):
            of_piece[piece].append(index)
        compared = sorted({members[place] for members in of_piece.values() for place in (0, -1)})
    return laid


def _pieces(count: int, laid: Sequence[Laid]) -> NDArray[np.int32]:
    ones, others = [pair.one for pair in laid], [pair.other for pair in laid]
    graph = coo_array((np.ones(len(laid)), (ones, others)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _laid_among(seen: Sequence[_Seen], compared: Sequence[int]) -> Iterator[Laid]:
    shared = _shared_points([seen[index] for index in compared])
    tried = set()
    for first in sorted(shared):
        # Ties by index: the same pictures give the same pairs.
        likely = sorted(shared[first], key=lambda second: (-len(shared[first][second]), second))
        for second in likely[:CANDIDATES]:
            pair = min(first, second), max(first, second)
            if len(shared[first][second]) < FEWEST_SHARED or pair in tried:
                continue
            tried.add(pair)
            one, other = compared[first], compared[second]
            similarity = _similarity(seen[one], seen[other], shared[first][second])
            if similarity is not None:
                yield Laid(one, other, similarity)


def _shared_points(seen: Sequence[_Seen]) -> dict[int, dict[int, NDArray[np.intp]]]:
    """By picture and other picture, points of theirs that look alike: n×2, by index."""
    counts = [len(each.places) for each in seen]
    if sum(counts) <= NEAREST:
        return {}
    descriptors = np.concatenate([each.descriptors for each in seen])
    picture = np.repeat(np.arange(len(seen)), counts)
    point = np.concatenate([np.arange(count) for count in counts])
    cv2.setRNGSeed(0)  # the trees are grown at random
    trees = cv2.flann.Index(descriptors, {"algorithm": 1, "trees": 4})
    nearest, _ = trees.knnSearch(descriptors, NEAREST + 1, params={"checks": 32})
    one, other = np.repeat(np.arange(len(descriptors)), NEAREST + 1), np.asarray(nearest).ravel()
    # Of another picture's points only the nearest: they come in that order, and the first of equals is kept.
    _, nearest_of_picture = np.unique(one * len(seen) + picture[other], return_index=True)
    one, other = one[nearest_of_picture], other[nearest_of_picture]
    apart = picture[one] != picture[other]
    one, other = np.concatenate([one[apart], other[apart]]), np.concatenate([other[apart], one[apart]])
    # One number for a pair of points: far quicker to sort and to find again than rows of two.
    one, other = np.divmod(np.unique(one * len(descriptors) + other), len(descriptors))
    of_pair = picture[one] * len(seen) + picture[other]
    order = np.argsort(of_pair, kind="stable")
    numbers, starts = np.unique(of_pair[order], return_index=True)
    both = point[np.stack([one[order], other[order]], axis=1)]
    shared: dict[int, dict[int, NDArray[np.intp]]] = defaultdict(dict)
    for number, points in zip(numbers.tolist(), np.split(both, starts[1:]), strict=False):
        shared[number // len(seen)][number % len(seen)] = points
    return shared


def _similarity(one: _Seen, other: _Seen, points: NDArray[np.intp]) -> Matrix | None:
    """The similarity that most of two pictures' shared points follow, if the pictures agree where it lays them over
    each other, and agree so nowhere else. `points`: n×2, indices into those of either."""
    cv2.setRNGSeed(0)
    here, there = one.places[points[:, 0]], other.places[points[:, 1]]
    similarity, following = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=NEAR, maxIters=500
    )
    if similarity is None or following.sum() < FEWEST_SHARED:
        return None
    scaled = float(np.hypot(similarity[0, 0], similarity[1, 0])) * one.scale / other.scale
    if not 1 / MOST_SCALED < scaled < MOST_SCALED:
        return None
    height, width = other.levelled.shape
    laid = np.asarray(cv2.warpAffine(one.levelled, similarity, (width, height), borderValue=_GREY), np.uint8)
    covered = np.asarray(cv2.warpAffine(np.ones_like(one.levelled), similarity, (width, height)) > 0)
    if covered.sum() < LEAST_SHARE * min(one.levelled.size, other.levelled.size):
        return None
    alike = _correlation(laid[covered], other.levelled[covered])
    unique = 1 - _elsewhere(laid, other.levelled, covered) > UNIQUE * (1 - alike)
    return np.asarray(similarity) if alike > ALIKE and unique else None


def _correlation(a: Grey, b: Grey) -> float:
    first, second = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / spread if spread else 0.0


def _elsewhere(laid: Grey, other: Grey, covered: NDArray[np.bool_]) -> float:
    """How well a piece from the middle of what both show fits anywhere but where it lies."""
    x, y, width, height = cv2.boundingRect(covered.astype(np.uint8))
    high, wide = max(_LEAST_PIECE, height // 4), max(_LEAST_PIECE, width // 4)
    top, left = y + max(0, height - high) // 2, x + max(0, width - wide) // 2
    middle = other[top : top + high, left : left + wide]
    fits = cv2.matchTemplate(laid, middle, cv2.TM_CCOEFF_NORMED)
    around = int(SURROUNDINGS)
    fits[max(0, top - around) : top + around + 1, max(0, left - around) : left + around + 1] = -1
    return float(np.nan_to_num(fits, nan=-1, posinf=-1).max())
