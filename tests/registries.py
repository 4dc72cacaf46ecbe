"""Lines that judge with a registry of two tiny models, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from engines.bundle import Bundle
from inspectd.models.active import activated
from inspectd.models.registry import Registry
from tests.bundles import tiny_bundle
from tests.daemons import Configuration


class By(TypedDict):
    """Who asks for a change, and why."""

    who: str
    why: str


BY: By = {"who": "ada", "why": "a test"}


@dataclass(frozen=True)
class RegistryLine:
    """A configuration, its registry, and the two models in it; `coarse` is active."""

    configuration: Configuration
    registry: Registry
    coarse: Bundle
    fine: Bundle


def registry_line(folder: Path, cameras: Mapping[str, Mapping[str, Any]], extra: str = "") -> RegistryLine:
    """Make one below `folder`."""
    coarse = tiny_bundle(folder / "bundles")
    fine = tiny_bundle(folder / "bundles", tile=32, overlap=0, cell=4, threshold=12.0)
    registry = Registry(folder / "models")
    registry.add(coarse.path, "coarse", None)
    registry.add(fine.path, "fine", None)
    registry.write_active(activated(None, coarse.path.name))
    configuration = Configuration(folder, coarse, cameras, extra)
    text = configuration.path.read_text()
    configuration.path.write_text(text.replace(f'bundle = "{coarse.path}"', f'registry = "{registry.directory}"'))
    return RegistryLine(configuration, registry, coarse, fine)
