from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import time
from itertools import cycle
from pathlib import Path

import pytest

from engines.bundle import Bundle
from engines.errors import BundleError
from inspectd.errors import ModelRefusedError, RegistryError
from inspectd.models.active import activated
from inspectd.models.catalogue import Catalogue
from inspectd.models.registry import Registry
from inspectd.models.removal import ABANDONED_S


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def flip(file: Path) -> None:
    """Change a bit in the middle of a file, and nothing else that can be seen."""
    status = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def held(registry: Registry) -> list[str]:
    """All that there is of bundles, listed or not."""
    return sorted(path.name for kind in ("bundles", "notes") for path in (registry.directory / kind).iterdir())


def test_a_bundle_is_found_by_name_id_and_directory(registry: Registry, bundle: Bundle, finer: Bundle) -> None:
    registry.add(bundle.path, "summer", "first fit")
    registry.add(finer.path, None, None)
    assert [note.bundle for note in registry.notes()] == [bundle.path.name, finer.path.name]
    for word in ("summer", bundle.id, bundle.path.name):
        note = registry.find(word)
        assert (note.bundle, note.surface, note.threshold, note.note) == (bundle.path.name, "tiny", 20.0, "first fit")
    assert registry.open(finer.path.name).id == finer.id
    with pytest.raises(ModelRefusedError, match=f"no model 'winter'.*there are: summer, {finer.path.name}"):
        registry.find("winter")


def test_a_name_is_given_once(registry: Registry, bundle: Bundle, finer: Bundle) -> None:
    registry.add(bundle.path, "summer", None)
    with pytest.raises(ModelRefusedError, match=r"--name 'summer': .* has this name already"):
        registry.add(finer.path, "summer", None)
    with pytest.raises(ModelRefusedError, match="--name"):
        registry.add(finer.path, "../summer", None)
    registry.add(bundle.path, "autumn", None)
    assert [note.name for note in registry.notes()] == ["autumn"]


def test_a_damaged_bundle_is_not_added(registry: Registry, bundle: Bundle, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(bundle.path, tmp_path / bundle.path.name))
    flip(damaged / "model.onnx")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        registry.add(damaged, None, None)
    assert not registry.directory.exists()


def test_one_that_is_damaged_later_is_told_and_mended_by_adding_it_again(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle.path, None, None)
    (entry,) = Catalogue(registry).examined()
    assert entry.damage is None
    flip(registry.path_of(bundle.path.name) / "model.onnx")
    (entry,) = Catalogue(registry).examined()
    assert entry.damage is not None
    assert "model.onnx: its content does not match its hash" in entry.damage
    registry.add(bundle.path, None, None)
    (entry,) = Catalogue(registry).examined()
    assert entry.damage is None


def test_a_bundle_is_examined_once_and_again_when_it_looks_different(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle.path, None, None)
    catalogue = Catalogue(registry)
    assert catalogue.examine_next()
    assert not catalogue.examine_next()
    (registry.path_of(bundle.path.name) / "report.html").unlink()
    assert catalogue.examine_next()
    (entry,) = catalogue.entries()
    assert entry.damage is not None
    assert "report.html: missing" in entry.damage


def test_deleting_takes_it_all(registry: Registry, bundle: Bundle, finer: Bundle) -> None:
    registry.add(bundle.path, None, None)
    registry.add(finer.path, None, None)
    registry.delete(bundle.path.name)
    assert [note.bundle for note in registry.notes()] == [finer.path.name]
    assert held(registry) == [finer.path.name, f"{finer.path.name}.json"]


def test_a_deletion_that_fails_leaves_all_as_it_was(
    registry: Registry, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(bundle.path, "summer", None)
    before = held(registry)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _read_only)
        with pytest.raises(RegistryError, match="Read-only file system"):
            registry.delete(bundle.path.name)
    assert held(registry) == before
    assert registry.open(registry.find("summer").bundle).id == bundle.id
    registry.delete(bundle.path.name)
    assert held(registry) == []


def test_a_deletion_is_undone_though_somebody_adds_a_bundle_meanwhile(
    registry: Registry, bundle: Bundle, finer: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(bundle.path, "summer", None)
    long_ago = time.time() - ABANDONED_S - 10
    os.utime(registry.directory / "notes" / f"{bundle.path.name}.json", (long_ago, long_ago))

    def fail(directory: Path) -> None:
        monkeypatch.undo()
        Registry(registry.directory).add(finer.path, "winter", None)
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(directory))

    monkeypatch.setattr("inspectd.models.registry.sync_directory", fail)
    with pytest.raises(RegistryError, match="Input/output error"):
        registry.delete(bundle.path.name)
    assert {note.name for note in registry.notes()} == {"summer", "winter"}
    assert registry.open(bundle.path.name).id == bundle.id


def _read_only(path: Path, target: Path) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path), None, str(target))


def test_one_process_holds_a_registry(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle.path, None, None)
    other = Registry(registry.directory)
    with registry.held():
        assert other.holder == os.getpid()
        with pytest.raises(RegistryError, match=f"process {os.getpid()} judges with this registry"), other.held():
            pass
    assert other.holder is None
    with other.held():
        pass


def test_whoever_looks_does_not_keep_others_from_holding_it(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle.path, None, None)
    with registry.held():
        pass
    looking = multiprocessing.get_context("fork").Process(target=_look, args=(registry,))
    looking.start()
    try:
        for _ in range(300):
            with registry.held():
                pass
    finally:
        looking.kill()
        looking.join()


def _look(registry: Registry) -> None:
    while True:
        _ = registry.holder


def test_what_cannot_be_read_is_told(registry: Registry, bundle: Bundle) -> None:
    with pytest.raises(RegistryError, match="no such directory"):
        registry.active()
    registry.add(bundle.path, None, None)
    assert registry.active() is None
    (registry.directory / "active.json").write_text('{"version": 1}')
    with pytest.raises(RegistryError, match="not the record of an active model"):
        registry.active()


def test_what_died_long_ago_is_swept_away(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle.path, None, None)
    left = [registry.directory / ".writing-old", registry.directory / "bundles" / ".writing-old"]
    begun = registry.directory / "bundles" / ".writing-new"
    for folder in (*left, begun):
        folder.mkdir()
    long_ago = time.time() - ABANDONED_S - 10
    for folder in left:
        os.utime(folder, (long_ago, long_ago))
    registry.add(bundle.path, None, None)
    assert not any(folder.exists() for folder in left)
    assert begun.exists()


@pytest.mark.parametrize("use", ["add", "delete"])
def test_what_a_deletion_left_that_died_goes_with_the_next_use(
    registry: Registry, bundle: Bundle, finer: Bundle, use: str
) -> None:
    for each in (bundle, finer):
        registry.add(each.path, None, None)
    gone = registry.path_of(finer.path.name)
    gone.rename(gone.with_name(".old-1234abcd"))
    long_ago = time.time() - ABANDONED_S - 10
    os.utime(registry.directory / "notes" / f"{finer.path.name}.json", (long_ago, long_ago))
    if use == "add":
        registry.add(bundle.path, None, None)
    else:
        registry.delete("no such bundle")
    assert held(registry) == [bundle.path.name, f"{bundle.path.name}.json"]


def test_the_note_of_a_bundle_that_is_being_added_stays(registry: Registry, bundle: Bundle, finer: Bundle) -> None:
    for each in (bundle, finer):
        registry.add(each.path, None, None)
    copied = registry.path_of(finer.path.name)
    copied.rename(registry.directory / "elsewhere")
    registry.add(bundle.path, None, None)
    (registry.directory / "elsewhere").rename(copied)
    assert [note.bundle for note in registry.notes()] == [finer.path.name, bundle.path.name]


def _activate_forever(directory: Path) -> None:
    registry, active = Registry(directory), None
    for bundle in cycle(["a", "b"]):
        active = activated(active, bundle)
        registry.write_active(active)


def _add_and_delete_forever(directory: Path, bundle: Path) -> None:
    registry = Registry(directory)
    while True:
        registry.add(bundle, "it", None)
        registry.delete(bundle.name)


def _killed_at_random(target: object, *arguments: object) -> None:
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)  # type: ignore[arg-type]
    process.start()
    time.sleep(random.uniform(0.002, 0.05))  # noqa: S311 - no secret
    process.kill()
    process.join()


def test_whatever_is_killed_the_active_one_is_old_or_new(registry: Registry) -> None:
    registry.directory.mkdir()
    registry.write_active(activated(None, "a"))
    for _ in range(40):
        _killed_at_random(_activate_forever, registry.directory)
        active = registry.active()
        assert active is not None
        assert active.judging.bundle in {"a", "b"}


def test_whatever_is_killed_a_bundle_is_there_whole_or_not_at_all(registry: Registry, bundle: Bundle) -> None:
    for _ in range(40):
        _killed_at_random(_add_and_delete_forever, registry.directory, bundle.path)
        for entry in Catalogue(registry).examined():
            assert entry.damage is None
    registry.add(bundle.path, "it", None)
    assert registry.find("it").bundle == bundle.path.name
