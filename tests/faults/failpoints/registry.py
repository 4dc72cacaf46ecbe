"""Commands that change the registry while no daemon runs."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import abstractmethod
from pathlib import Path

from inspectd.models.active import activated
from inspectd.models.registry import Registry
from tests.bundles import tiny_bundle
from tests.faults.failpoints.points import Call, Point
from tests.faults.failpoints.scene import Scene


class Command(Scene):
    """One is killed, and given again."""

    def play(self, folder: Path, point: Point) -> list[Call]:
        """See `Scene`."""
        judging = tiny_bundle(folder / "bundles")
        other = tiny_bundle(folder / "bundles", tile=32, overlap=0, cell=4, threshold=12.0)
        registry = Registry(folder / "state")
        registry.add(judging.path, "judging", None)
        registry.write_active(activated(None, judging.path.name))
        arguments = self.arguments(registry, other.path)
        code = _run(arguments, **self.environment(folder, point, registry.directory))
        calls = self.killed_at(folder, point, code)
        _check_whole(registry, judging.path.name)
        again = _run(arguments)
        listed = other.path.name in _check_whole(registry, judging.path.name)
        assert again == 0 or not listed, "the command given again is refused"
        assert listed == self.leaves_it
        registry.add(other.path, "other", None)
        registry.delete(other.path.name)
        _check_clean(registry, judging.path.name)
        return calls

    leaves_it: bool
    """Whether the bundle is there in the end."""

    @abstractmethod
    def arguments(self, registry: Registry, bundle: Path) -> list[str]:
        """Of the command; makes what it needs."""


class Added(Command):
    """A bundle is added."""

    name, share, leaves_it = "models add", 2, True

    def arguments(self, registry: Registry, bundle: Path) -> list[str]:
        """See `Command`."""
        return ["add", str(bundle), "--name", "other", "--registry", str(registry.directory)]


class Deleted(Command):
    """A bundle is deleted."""

    name, share, leaves_it = "models delete", 1, False

    def arguments(self, registry: Registry, bundle: Path) -> list[str]:
        """See `Command`."""
        registry.add(bundle, "other", None)
        return ["delete", "other", "--why", "a test", "--registry", str(registry.directory)]


def _run(arguments: list[str], **environment: str) -> int:
    command = [sys.executable, "-m", "inspectd.cli", "models", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False).returncode


def _check_whole(registry: Registry, judging: str) -> set[str]:
    """What is listed is whole, and the same model judges; returns what is listed."""
    active = registry.active()
    assert active is not None
    assert active.judging.bundle == judging
    listed = {note.bundle for note in registry.notes()}
    for bundle in listed:
        registry.open(bundle)
    assert judging in listed
    return listed


def _check_clean(registry: Registry, bundle: str) -> None:
    """Nothing is left but this bundle, and what may still be written by somebody else."""
    left = {path.name for kind in ("bundles", "notes") for path in (registry.directory / kind).iterdir()}
    assert {name for name in left if not name.startswith(".writing-")} == {bundle, f"{bundle}.json"}, left
