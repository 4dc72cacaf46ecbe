"""TensorRT's timings of a GPU's kernels, kept from one build to the next: the second on a GPU takes seconds."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engines.builds import Fingerprint
from engines.errors import BuildError

_FOLDER = "timings"


class Timings:
    """The timings of one GPU, driver and version of TensorRT, which checks for itself that they fit."""

    def __init__(self, cache: Path, fingerprint: Fingerprint) -> None:
        """`cache`: directory of built engines."""
        place = f"{fingerprint.runtime_version} {fingerprint.device} {fingerprint.driver}"
        self.path = cache / _FOLDER / f"{fingerprint.runtime}-{hashlib.sha256(place.encode()).hexdigest()[:16]}"

    def read(self) -> bytes:
        """What is known; nothing where that cannot be read, for timings only save time."""
        try:
            return self.path.read_bytes()
        except OSError:
            return b""

    def write(self, timings: bytes) -> None:
        """Keep them, whole or not at all.

        Raises:
            BuildError: they cannot be written.
        """
        part = self.path.with_suffix(".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(timings)
            part.replace(self.path)
        except OSError as error:
            raise BuildError(f"{self.path}: cannot be written: {error.strerror or error}") from error
