"""Bundles: a directory, immutable once written, named by the hash of its content.

The directory is `<surface>-<id>`, where the id is the first 16 hexadecimal digits of the SHA-256 of `manifest.json`;
the manifest holds the SHA-256 of every other file. So one name pins every byte. Nothing in a bundle is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from calib.calibration import Calibration
from calib.errors import CalibrationError
from engines.durable import staging_directory, sync_directory, write_files
from engines.errors import BundleError, SchemaError, TileError
from engines.manifest import SCHEMA_VERSION, FileEntry, Manifest
from engines.tiling import check_geometry

MANIFEST = "manifest.json"
MODEL = "model.onnx"
CENTROIDS = "centroids.npy"
CALIBRATION = "calibration.json"
REPORT = "report.html"
GOLDEN_EXPECTED = "golden/expected.json"
REQUIRED = (MODEL, CENTROIDS, CALIBRATION, GOLDEN_EXPECTED, REPORT)
ID_DIGITS = 16


@dataclass(frozen=True)
class GoldenTiles:
    """Tiles with the scores that training saw, which every runtime must reproduce."""

    tiles: NDArray[np.uint8]
    """G×T×T×3 RGB."""
    score: NDArray[np.float32]
    """G."""
    distance_max: NDArray[np.float32]
    """G, largest value of each tile's distance map."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. Make one with `open_bundle`."""

    path: Path
    id: str
    """First 16 hexadecimal digits of the manifest's SHA-256."""
    manifest: Manifest
    calibration: Calibration
    centroids: NDArray[np.float32] = field(repr=False)
    """K×E."""
    golden: GoldenTiles = field(repr=False)
    model: bytes = field(repr=False)
    """The ONNX graph, the very bytes whose hash was checked."""

    @property
    def surface(self) -> str:
        """What this bundle inspects."""
        return self.manifest.surface


def open_bundle(path: Path) -> Bundle:
    """Read a bundle, checking every byte of it against its name.

    Raises:
        BundleError: it is not a bundle, or a file is missing, extra, changed or unreadable; the message names it.
        SchemaError: it was written for another schema version.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps the directory's own name where it is a link's target
    if path.is_symlink():
        path = path.resolve()
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle; it must be a directory made by 'inspectd-train fit'")
    raw = _read(path, MANIFEST)
    _check_schema(path, raw)
    bundle_id = hashlib.sha256(raw).hexdigest()[:ID_DIGITS]
    if path.name.rpartition("-")[2] != bundle_id:
        raise BundleError(
            f"{path / MANIFEST}: its hash is {bundle_id}, the directory's name says otherwise; "
            "the manifest was changed or the directory renamed. Fetch the bundle again or fit it anew"
        )
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise BundleError(f"{path / MANIFEST}: {_first_problem(error)}") from error
    try:
        check_geometry(manifest.tile)
    except TileError as error:
        raise BundleError(f"{path / MANIFEST}: tile: {error}") from error
    content = _verified_files(path, manifest)
    return Bundle(
        path=path,
        id=bundle_id,
        manifest=manifest,
        calibration=_calibration(path, content[CALIBRATION]),
        centroids=_centroids(path, content[CENTROIDS], manifest),
        golden=_golden(path, content, manifest),
        model=content[MODEL],
    )


def write_bundle(
    parent: Path,
    manifest: Manifest,
    *,
    model: bytes,
    centroids: NDArray[np.float32],
    calibration: Calibration,
    golden: GoldenTiles,
    report: str,
) -> Bundle:
    """Write a bundle below `parent` and read it back; whatever is killed, a bundle is there whole or not at all.

    `manifest.files` is filled in here. Returns the bundle as a reader will see it.

    Raises:
        BundleError: it could not be written, or does not read back.
    """
    files = _golden_files(golden) | {
        MODEL: model,
        CENTROIDS: _npy(centroids),
        CALIBRATION: calibration.to_json().encode(),
        REPORT: report.encode(),
    }
    entries = {name: FileEntry.of(data) for name, data in sorted(files.items())}
    manifest = manifest.model_copy(update={"files": entries})
    raw = (manifest.model_dump_json(indent=2) + "\n").encode()
    target = parent / f"{manifest.surface}-{hashlib.sha256(raw).hexdigest()[:ID_DIGITS]}"
    try:
        with staging_directory(parent) as staging:
            write_files(staging, {**files, MANIFEST: raw})
            if not target.exists():
                staging.rename(target)
                sync_directory(parent)
    except OSError as error:
        raise BundleError(f"{target}: cannot be written: {error.strerror or error}") from error
    return open_bundle(target)


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{path / name}: missing; the bundle is not whole") from error
    except OSError as error:
        raise BundleError(f"{path / name}: cannot be read: {error.strerror}") from error


def _check_schema(path: Path, raw: bytes) -> None:
    try:
        document = json.loads(raw)
        version = document["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path / MANIFEST}: not a manifest (no schema_version); the file was damaged") from error
    if version != SCHEMA_VERSION:
        raise SchemaError(
            f"{path / MANIFEST}: schema_version {version!r}, this release reads {SCHEMA_VERSION}; "
            "use the release that made it, or fit the surface again with this one"
        )


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


def _verified_files(path: Path, manifest: Manifest) -> Mapping[str, bytes]:
    for name in REQUIRED:
        if name not in manifest.files:
            raise BundleError(f"{path / MANIFEST}: lists no {name}; the bundle is not whole")
    content = {}
    for name, entry in manifest.files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise BundleError(f"{path / MANIFEST}: file {name!r} points outside the bundle")
        data = _read(path, name)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BundleError(f"{path / name}: its content does not match its hash; the file was changed or damaged")
        content[name] = data
    return content


def _calibration(path: Path, data: bytes) -> Calibration:
    try:
        return Calibration.from_json(data)
    except CalibrationError as error:
        raise BundleError(f"{path / CALIBRATION}: {error}") from error


def _centroids(path: Path, data: bytes, manifest: Manifest) -> NDArray[np.float32]:
    try:
        centroids = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise BundleError(f"{path / CENTROIDS}: not an array: {error}") from error
    expected = (manifest.centroids, manifest.embedding)
    if centroids.dtype != np.float32 or centroids.shape != expected:
        raise BundleError(
            f"{path / CENTROIDS}: {centroids.dtype} {centroids.shape}, the manifest says float32 {expected}"
        )
    if not np.isfinite(centroids).all():
        raise BundleError(f"{path / CENTROIDS}: holds NaN or infinity")
    return np.ascontiguousarray(centroids)


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
    return buffer.getvalue()


def _golden_files(golden: GoldenTiles) -> dict[str, bytes]:
    files, expected = {}, []
    for index, tile in enumerate(golden.tiles):
        name = f"{index:02d}.png"
        encoded = cv2.imencode(".png", tile[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
        files[f"golden/{name}"] = encoded.tobytes()
        expected.append(
            {
                "tile": name,
                "score": float(golden.score[index]),
                "distance_max": float(golden.distance_max[index]),
            }
        )
    files[GOLDEN_EXPECTED] = (json.dumps(expected, indent=1) + "\n").encode()
    return files


def _golden(path: Path, content: Mapping[str, bytes], manifest: Manifest) -> GoldenTiles:
    size = manifest.tile.size
    tiles, score, distance_max = [], [], []
    try:
        for entry in json.loads(content[GOLDEN_EXPECTED]):
            encoded = np.frombuffer(content[f"golden/{entry['tile']}"], np.uint8)
            tile = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
            if tile is None or tile.shape != (size, size, 3):
                raise BundleError(f"{path / 'golden' / entry['tile']}: not a {size}×{size} px RGB picture")
            tiles.append(tile[..., ::-1])
            score.append(entry["score"])
            distance_max.append(entry["distance_max"])
    except (ValueError, KeyError, TypeError, cv2.error) as error:
        raise BundleError(f"{path / GOLDEN_EXPECTED}: not a list of golden tiles: {error!r}") from error
    if not tiles:
        raise BundleError(f"{path / GOLDEN_EXPECTED}: no golden tiles; an engine could not be checked")
    return GoldenTiles(
        np.ascontiguousarray(np.stack(tiles)),
        np.asarray(score, np.float32),
        np.asarray(distance_max, np.float32),
    )
