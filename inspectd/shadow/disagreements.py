"""Frames on which a candidate and the model that judges disagree, on disk: those with the least agreement.

Each is a directory with the picture, both maps and what both said. It is filled aside and renamed, so it is there whole
or not at all.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.durable import staging_directory, sync_directory, write_files
from engines.pixels import PixelFormat
from inspectd.shadow.figures import Agreement
from inspectd.wire.drafts import MapDraft
from inspectd.wire.models import Region, Verdict

MOST: Final = 30
"""Disagreements kept of each kind."""
MOST_BYTES: Final = 128 << 20
"""Of all of a kind, bytes; one is kept however large it is."""
PICTURE: Final = "picture.png"
_MAPS: Final = "maps.npz"
_RECORD: Final = "disagreement.json"
_LEAST_RATIO: Final = 1e-6
"""A score of 0 is taken for this share of its threshold."""
_FLOAT16_MAX: Final = float(np.finfo(np.float16).max)


class Disagreement(BaseModel):
    """What both said of a frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    kind: Agreement
    verdict: Verdict
    """The line's."""
    bundle: str
    """The candidate's."""
    score: float
    """Likewise."""
    threshold: float
    """Likewise."""
    regions: tuple[Region, ...]
    """Likewise."""

    @property
    def ratios(self) -> tuple[float, float]:
        """Scores divided by their thresholds: the running model's and the candidate's."""
        assert self.verdict.score is not None
        return self.verdict.score / self.verdict.threshold, self.score / self.threshold

    @property
    def gap(self) -> float:
        """How far they are apart, as the logarithm of one ratio over the other."""
        running, candidate = (max(ratio, _LEAST_RATIO) for ratio in self.ratios)
        return abs(math.log(candidate / running))


@dataclass(frozen=True)
class Views:
    """What both have seen."""

    pixels: NDArray[np.uint8]
    """H×W, or H×W×3 RGB."""
    running: MapDraft
    """The map that was judged."""
    candidate: MapDraft


@dataclass(frozen=True)
class _Item:
    name: str
    kind: Agreement
    gap: float
    bytes: int


class Disagreements:
    """Keeps them in a directory. One thread. All that writes may raise OSError."""

    def __init__(self, directory: Path, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        """Goes on with those that are there. `most` and `most_bytes` are for each kind."""
        self._directory = directory
        self._most = most
        self._most_bytes = most_bytes
        directory.mkdir(parents=True, exist_ok=True)
        for left in (*directory.glob(".writing-*"), *directory.glob(".old-*")):
            shutil.rmtree(left, ignore_errors=True)
        self._items = [
            _Item(path.name, found.kind, found.gap, _size(path)) for path, found in read_disagreements(directory)
        ]

    def keep(self, found: Disagreement, views: Views, pixel_format: PixelFormat) -> bool:
        """Keep one, if it is among the worst of its kind; False where it is not."""
        of_kind = [item for item in self._items if item.kind is found.kind]
        if len(of_kind) >= self._most and found.gap <= min(item.gap for item in of_kind):
            return False
        name = f"{found.verdict.sequence:09d}-{found.verdict.camera}"
        files = {
            PICTURE: _png(views.pixels, pixel_format),
            _MAPS: _npz(views),
            _RECORD: (found.model_dump_json(indent=1) + "\n").encode(),
        }
        target = self._directory / name
        with staging_directory(self._directory) as staging:
            entry = staging / name
            entry.mkdir()
            write_files(entry, files)
            if target.exists():  # of a journal that is gone
                self._remove(name)
            entry.rename(target)
            sync_directory(self._directory)
        self._items.append(_Item(name, found.kind, found.gap, sum(map(len, files.values()))))
        self._keep_bounds(found.kind)
        return True

    def clear(self) -> None:
        """Remove all."""
        for item in tuple(self._items):
            self._remove(item.name)

    def __len__(self) -> int:
        return len(self._items)

    def _keep_bounds(self, kind: Agreement) -> None:
        of_kind = sorted((item for item in self._items if item.kind is kind), key=lambda item: item.gap)
        while len(of_kind) > 1 and (
            len(of_kind) > self._most or sum(item.bytes for item in of_kind) > self._most_bytes
        ):
            self._remove(of_kind.pop(0).name)

    def _remove(self, name: str) -> None:
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=self._directory))
        (self._directory / name).rename(old / name)
        sync_directory(self._directory)
        shutil.rmtree(old, ignore_errors=True)
        self._items = [item for item in self._items if item.name != name]


def read_disagreements(directory: Path) -> Iterator[tuple[Path, Disagreement]]:
    """Those that are in a directory, in no order; none where there is no directory."""
    for record in directory.glob(f"[!.]*/{_RECORD}"):
        with suppress(OSError, ValidationError):  # removed this very moment, or damaged
            yield record.parent, Disagreement.model_validate_json(record.read_bytes())


def read_views(entry: Path) -> Views:
    """Picture, as RGB, and maps of an entry.

    Raises:
        OSError: it is gone or damaged.
    """
    pixels = cv2.imdecode(np.frombuffer((entry / PICTURE).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    try:
        with np.load(entry / _MAPS, allow_pickle=False) as maps:
            running, candidate = (
                MapDraft(maps[name].astype(np.float32), int(maps[f"{name}_cell"])) for name in ("running", "candidate")
            )
    except (ValueError, KeyError) as error:
        raise OSError(f"{entry / _MAPS}: damaged") from error
    if pixels is None:
        raise OSError(f"{entry / PICTURE}: damaged")
    return Views(np.ascontiguousarray(pixels[..., ::-1], np.uint8), running, candidate)


def _size(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())


def _png(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> bytes:
    if pixel_format is PixelFormat.RGB8:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _npz(views: Views) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        running=_half(views.running),
        running_cell=np.int32(views.running.cell),
        candidate=_half(views.candidate),
        candidate_cell=np.int32(views.candidate.cell),
    )
    return file.getvalue()


def _half(drawn: MapDraft) -> NDArray[np.float16]:
    return np.minimum(drawn.distance, _FLOAT16_MAX).astype(np.float16)
