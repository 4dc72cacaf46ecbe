"""Features on disk, keyed by content: computed once for a tile and a backbone, whatever becomes of the fit.

One file a tile, written whole or not at all, so a fit that was interrupted computes none of them again. The key is
the SHA-256 of what rows mean, the backbone's weights, the tile's shape and its pixels: renamed or copied pictures
hit, changed ones miss. Beside them lies the network that computes them, as ONNX, since its export takes seconds.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import OutputError

LIMIT_BYTES = 4 * 1024**3
"""`trim` keeps the cache below this."""
ROWS: Final = 2
"""What the values of a row mean. Another number whenever that changes, or rows of old would be taken for new ones."""


_EXPORTERS: Final = "torch", "timm", "onnx", "onnxscript"
"""Packages that an exported network hangs on."""
_DIGEST: Final = hashlib.sha256().digest_size


def default_folder() -> Path:
    """Where features are kept unless another folder is named."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inspectd" / "features"


def check_folder(folder: Path) -> None:
    """Make the cache's folder where it is not there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--cache {folder}: cannot be made: {error.strerror or error}") from error


class FeatureCache:
    """A folder of features, float16."""

    def __init__(self, folder: Path, weights_sha256: str) -> None:
        self._folder = folder
        self._weights = weights_sha256

    def get(self, tile: NDArray[np.uint8], length: int) -> NDArray[np.float16] | None:
        """Features of a tile as one row of `length` values; None where they are not there or damaged."""
        path = self._path(tile)
        try:
            row = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if row.dtype != np.float16 or row.shape != (length,):
            return None
        os.utime(path)  # the last use, which `trim` goes by
        found: NDArray[np.float16] = row
        return found

    def put(self, tile: NDArray[np.uint8], row: NDArray[np.float16]) -> None:
        """Keep features of a tile."""
        with _whole(self._path(tile)) as stream:
            np.save(stream, row, allow_pickle=False)

    def network(self, size: int, make: Callable[[], bytes]) -> bytes:
        """The network for tiles of side `size` px, as ONNX; `make` exports it where it is not there or damaged."""
        versions = [version(package) for package in _EXPORTERS]
        path = self._file(f"{size} {versions}", b"", "onnx")
        try:
            kept = path.read_bytes()
        except OSError:
            kept = b""
        digest, exported = kept[:_DIGEST], kept[_DIGEST:]
        if hashlib.sha256(exported).digest() == digest:
            os.utime(path)
            return exported
        exported = make()
        with _whole(path) as stream:
            stream.write(hashlib.sha256(exported).digest() + exported)
        return exported

    def trim(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Remove what was used longest ago until the cache is below `limit_bytes`."""
        files = [(file.stat(), file) for file in self._folder.glob("??/*") if file.is_file()]
        total = sum(stat.st_size for stat, _ in files)
        for stat, file in sorted(files, key=lambda entry: entry[0].st_mtime):
            if total <= limit_bytes:
                return
            file.unlink(missing_ok=True)
            total -= stat.st_size

    def _path(self, tile: NDArray[np.uint8]) -> Path:
        return self._file(f"{tile.shape} ", np.ascontiguousarray(tile).data, "npy")

    def _file(self, of: str, content: bytes | memoryview, suffix: str) -> Path:
        digest = hashlib.sha256(f"{ROWS} {self._weights} {of}".encode())
        digest.update(content)
        key = digest.hexdigest()
        return self._folder / key[:2] / f"{key}.{suffix}"


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which is there once all of it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
