"""What is in a registry and what of it is damaged, for a list that is made at once.

Verifying a bundle reads all of it. So each is examined once, by whoever has the time, and again when its files look
different; the list tells what came of it. A bundle is verified again when it is opened in any case.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BundleError
from inspectd.models.registry import Note, Registry

Looks = tuple[tuple[str, int, int, int], ...]
"""Of every file: path, size, time of change, inode."""


@dataclass(frozen=True)
class Entry:
    """A bundle of the registry."""

    note: Note
    damage: str | None
    """Why it cannot be used, as far as that is known."""


class Catalogue:
    """Lists a registry. Any thread."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._examined: dict[str, tuple[Looks, str | None]] = {}

    def entries(self) -> list[Entry]:
        """What is there, the newest last.

        Raises:
            RegistryError: the registry cannot be read.
        """
        notes = self._registry.notes()
        with self._lock:
            examined = dict(self._examined)
        return [Entry(note, examined.get(note.bundle, ((), None))[1]) for note in notes]

    def examine_next(self) -> bool:
        """Verify one bundle that was not yet verified as it stands; False where there is none.

        Raises:
            RegistryError: the registry cannot be read.
        """
        for note in self._registry.notes():
            looks = _looks(self._registry.path_of(note.bundle))
            if self._examined.get(note.bundle, (None, None))[0] != looks:
                self._keep(note.bundle, looks, self._damage(note.bundle))
                return True
        return False

    def found_damaged(self, bundle: str, damage: str) -> None:
        """Somebody opened a bundle and could not; `damage` says why."""
        self._keep(bundle, _looks(self._registry.path_of(bundle)), damage)

    def examined(self) -> list[Entry]:
        """`entries`, every bundle verified as it stands.

        Raises:
            RegistryError: the registry cannot be read.
        """
        while self.examine_next():
            pass
        return self.entries()

    def _damage(self, bundle: str) -> str | None:
        try:
            self._registry.open(bundle)
        except BundleError as error:
            return str(error)
        return None

    def _keep(self, bundle: str, looks: Looks, damage: str | None) -> None:
        with self._lock:
            self._examined[bundle] = looks, damage


def _looks(bundle: Path) -> Looks:
    looks = []
    for folder, _, files in os.walk(bundle):
        for file in files:
            path = Path(folder, file)
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            looks.append((str(path), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(sorted(looks))
