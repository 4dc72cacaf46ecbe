"""The registry: bundles on disk, a note on each, and which of them judges.

    bundles/<surface>-<id>/    as written by training; verified by hash when it is added and whenever it is opened
    notes/<surface>-<id>.json  what is listed of it
    active.json                which one judges, see `inspectd.models.active`
    lock                       held by the daemon that judges with it, or by a command that changes `active.json`

Each is written aside and renamed, so whatever is killed, it is there as before or as after.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.bundle import MANIFEST, Bundle, open_bundle
from engines.durable import UnsyncedError, replace_file, staging_directory, sync_directory, write_files
from engines.errors import BundleError
from inspectd.errors import ModelRefusedError, RegistryError
from inspectd.lock import FileLock, holder_of
from inspectd.models.active import Active
from inspectd.models.removal import removed, sweep
from inspectd.wire.times import utc_text

MAX_BUNDLES: Final = 200
"""Most bundles in a registry, so that a list of them is short and quickly made."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Remark = Annotated[str, Field(max_length=500)]


class Note(BaseModel):
    """What is listed of a bundle without opening it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: str
    """Its name: the directory's."""
    id: str
    surface: str
    threshold: float
    """Its own."""
    name: ModelName | None = None
    """What people call it."""
    note: Remark | None = None
    """What people say of it."""
    added_utc: str


class Registry:
    """A directory of models. Any thread may read; one at a time may change it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._bundles = directory / "bundles"
        self._notes = directory / "notes"
        self._active = directory / "active.json"
        self._lock = directory / "lock"

    # Which one judges

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes which model judges, as long as the block lasts.

        Raises:
            RegistryError: another process holds the registry, or there is none that can be written to.
        """
        if not self.directory.is_dir():
            raise self._absent()
        lock = FileLock(self._lock)
        try:
            holder = lock.acquire()
            self._give_away(self._lock)
        except OSError as error:
            raise self._cannot("be held", error) from error
        if holder is not None:
            raise RegistryError(
                f"model.registry = '{self.directory}': process {holder or '(unknown)'} judges with this registry or "
                "changes it; ask it over the control socket, or stop it"
            )
        try:
            yield
        finally:
            lock.release()

    @property
    def holder(self) -> int | None:
        """The process that holds it just now, 0 where its number is not told; None where nobody does."""
        return holder_of(self._lock)

    def active(self) -> Active | None:
        """What judges; None where nothing was made active yet.

        Raises:
            RegistryError: that cannot be read.
        """
        try:
            return Active.model_validate_json(self._active.read_bytes())
        except FileNotFoundError:
            if not self.directory.is_dir():
                raise self._absent() from None
            return None
        except OSError as error:
            raise self._cannot("be read", error) from error
        except ValidationError as error:
            raise RegistryError(
                f"{self._active}: not the record of an active model: {error.errors()[0]['msg']}; move the file away "
                "and activate a model anew"
            ) from error

    def write_active(self, active: Active) -> str | None:
        """Say what judges from now on.

        Returns:
            None where that is durable; else, in words, what may become of it. It is there all the same.

        Raises:
            RegistryError: it cannot be written; what was there is there still.
        """
        try:
            replace_file(self._active, (active.model_dump_json(indent=1) + "\n").encode())
        except UnsyncedError as error:
            return (
                f"{self._active} was written, but the disk does not confirm it ({error.strerror}): after a power cut "
                "it may be as it was before. Look after the disk, and see then what judges"
            )
        except OSError as error:
            raise self._cannot("be written", error) from error
        finally:
            with suppress(OSError):  # whoever may write to the directory can replace it in any case
                self._give_away(self._active)
        return None

    # The bundles

    def notes(self) -> list[Note]:
        """What is there, the newest last; damaged bundles too.

        Raises:
            RegistryError: the directory cannot be read.
        """
        try:
            names = [path.name for path in self._bundles.iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._cannot("be read", error) from error
        notes = (self._note(name) for name in names)
        return sorted((note for note in notes if note is not None), key=lambda note: (note.added_utc, note.bundle))

    def find(self, word: str) -> Note:
        """The one bundle with this id, directory or name.

        Raises:
            ModelRefusedError: there is none, or several have this name.
        """
        notes = self.notes()
        found = [note for note in notes if word in (note.id, note.bundle, note.name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelRefusedError(f"'{word}' may be {', '.join(note.bundle for note in found)}; say which by its id")
        there = ", ".join(note.name or note.bundle for note in notes) or "none; add one with 'inspectd models add'"
        raise ModelRefusedError(f"there is no model '{word}' in {self.directory}; there are: {there}")

    def path_of(self, bundle: str) -> Path:
        """The directory of a bundle, by its name."""
        return self._bundles / bundle

    def open(self, bundle: str) -> Bundle:
        """Open a bundle by its name, verifying every byte.

        Raises:
            BundleError: it is damaged or not there.
        """
        return open_bundle(self.path_of(bundle))

    def add(self, source: Path, name: str | None, remark: str | None) -> Note:
        """Copy a bundle into the registry; one that is there already gets another name and note, and is copied anew
        where it is damaged.

        Raises:
            BundleError: it is not whole.
            ModelRefusedError: the name is taken or none, or the registry is full.
            RegistryError: it cannot be written.
        """
        bundle = open_bundle(source)
        note = self._new_note(bundle, name, remark)
        try:
            self._make()
            sweep(self.directory, self._bundles, self._notes)
            replace_file(self._notes / f"{note.bundle}.json", (note.model_dump_json(indent=1) + "\n").encode())
            if not self._is_whole(note.bundle):
                self._copy(bundle)
            sync_directory(self._bundles)  # also of one that is whole, for this may have failed when it was added
            self._give_away(self._notes)
            self._give_away(self._bundles)
        except OSError as error:
            raise self._cannot("be written", error) from error
        return note

    def delete(self, bundle: str) -> None:
        """Remove a bundle; nothing happens where there is none.

        Raises:
            RegistryError: it cannot be removed, and is there still.
        """
        sweep(self.directory, self._bundles, self._notes)
        path = self.path_of(bundle)
        try:
            if path.exists():
                with removed(path):
                    sync_directory(self._bundles)
        except OSError as error:
            raise self._cannot("be written", error) from error
        with suppress(OSError):  # a note without its bundle is not listed, and is swept away later
            (self._notes / f"{bundle}.json").unlink(missing_ok=True)

    def _new_note(self, bundle: Bundle, name: str | None, remark: str | None) -> Note:
        others = [note for note in self.notes() if note.bundle != bundle.path.name]
        taken = next((note for note in others if name is not None and name in (note.name, note.id, note.bundle)), None)
        if taken is not None:
            raise ModelRefusedError(f"--name '{name}': {taken.bundle} has this name already; choose another")
        if len(others) >= MAX_BUNDLES:
            raise ModelRefusedError(f"{self.directory} holds {len(others)} models; delete some you no longer need")
        try:
            return Note(
                bundle=bundle.path.name,
                id=bundle.id,
                surface=bundle.surface,
                threshold=bundle.calibration.threshold,
                name=name,
                note=remark,
                added_utc=utc_text(time.time_ns()),
            )
        except ValidationError as error:
            problem = error.errors()[0]
            raise ModelRefusedError(f"--{problem['loc'][0]} '{problem['input']}': {problem['msg']}") from error

    def _note(self, bundle: str) -> Note | None:
        try:
            return Note.model_validate_json((self._notes / f"{bundle}.json").read_bytes())
        except (OSError, ValidationError):  # put there by hand, or deleted this very moment
            return None

    def _is_whole(self, bundle: str) -> bool:
        try:
            self.open(bundle)
        except BundleError:
            return False
        return True

    def _make(self) -> None:
        if not self.directory.exists():
            self.directory.mkdir()
            _give(self.directory, self.directory.parent)

    def _copy(self, bundle: Bundle) -> None:
        """Put a copy of `bundle` in its place, verified there before anybody can see it."""
        files = {name: (bundle.path / name).read_bytes() for name in (MANIFEST, *bundle.manifest.files)}
        target = self.path_of(bundle.path.name)
        with staging_directory(self._bundles) as staging:
            copy = staging / target.name
            copy.mkdir()
            write_files(copy, files)
            open_bundle(copy)
            with removed(target) if target.exists() else nullcontext():
                copy.rename(target)

    def _give_away(self, path: Path) -> None:
        """What root writes here belongs to whom the registry belongs: the daemon, which must be able to remove it."""
        for item in (path, *path.rglob("*")):
            _give(item, self.directory)

    def _absent(self) -> RegistryError:
        return RegistryError(f"model.registry = '{self.directory}': no such directory; 'inspectd models add' makes it")

    def _cannot(self, what: str, error: OSError) -> RegistryError:
        return RegistryError(
            f"model.registry = '{self.directory}': cannot {what}: {error.strerror or error}; it must be a directory "
            "that this user may write to"
        )


def _give(path: Path, like: Path) -> None:
    """Have root's `path` belong to whom `like` belongs; what others wrote is theirs."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
