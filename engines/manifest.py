"""The manifest of a bundle: what was learned, from what, with what, and the hash of every file beside it."""

from __future__ import annotations

import builtins
import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 1
"""Version of the bundle's layout; a release reads exactly the versions it was written for."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Strict):
    """A file of the bundle, its path relative to the bundle and separated by `/`."""

    sha256: Sha256
    bytes: int = Field(ge=0)

    @classmethod
    def of(cls, data: builtins.bytes) -> Self:
        """The entry of a file with this content."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


class BackboneEntry(_Strict):
    """The frozen feature extractor."""

    name: str
    weights_sha256: Sha256
    weights_source: str
    """Where the weights were found: `file`, `cache`, `package` or `hub`, and the name there."""


class TileGeometry(_Strict):
    """How frames are cut for this model; all lengths in px."""

    size: int = Field(ge=32)
    """Side T of a square tile."""
    overlap: int = Field(ge=0)
    """Least overlap of neighbouring tiles."""
    cell: int = Field(ge=1)
    """Side of the square of pixels that one position of the distance map stands for."""
    alignment: int = Field(ge=1)
    """Tile origins are multiples of this: the backbone's deepest stride, so a pixel meets the same sampling grid
    whichever tile it falls in."""


class TrainingEntry(_Strict):
    """What the bundle was learned from."""

    fingerprint: Sha256
    """Hash over the content hashes of the good pictures, in order of content."""
    sha256: tuple[Sha256, ...] = ()
    """Of every good picture that took part, learned or held out, ascending: what must not be tested on."""
    pictures: int = Field(ge=1)
    held_out_pictures: int = Field(ge=1)
    tiles: int = Field(ge=1)
    seed: int


class Manifest(_Strict):
    """`manifest.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    surface: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)
    """One product and finish; letters, digits, `-` and `_`."""
    created_utc: str
    method: str
    """What scores the tiles: the training method that won, by its name in `inspectd-train fit --method`."""
    backbone: BackboneEntry
    tile: TileGeometry
    embedding: int = Field(ge=1, le=128)
    """E, columns of `centroids.npy`."""
    centroids: int = Field(ge=1, le=4096)
    """K, rows of `centroids.npy`."""
    mm_per_px: float | None = Field(default=None, gt=0)
    training: TrainingEntry
    versions: dict[str, str]
    """Package name to version, of everything that took part."""
    figures: dict[str, float]
    """Measured while fitting, by name; fractions of 1, seconds (`_s`), counts."""
    files: dict[str, FileEntry]
