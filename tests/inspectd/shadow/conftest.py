from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.bundle import Bundle
from inspectd.metrics.meters import Meters
from inspectd.models.registry import Registry
from inspectd.shadow.shadow import Shadow
from tests.bundles import tiny_bundle
from tests.inspectd.shadow.scene import ShadowedLine, settings_of

MakeLine = Callable[..., ShadowedLine]


@pytest.fixture(scope="session")
def stricter(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another bundle of the same surface: finer cells, a threshold that is lower in its unit."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles"), tile=32, overlap=0, cell=4, threshold=9.0)


@pytest.fixture
def registry(tmp_path: Path, bundle: Bundle, stricter: Bundle) -> Registry:
    registry = Registry(tmp_path / "models")
    registry.add(bundle.path, "coarse", None)
    registry.add(stricter.path, "fine", None)
    return registry


@pytest.fixture
def make_line(registry: Registry, bundle: Bundle) -> Iterator[MakeLine]:
    """Makes lines that judge with `bundle`; `cameras` and what a shadow takes can be told."""
    made: list[tuple[Shadow, ShadowedLine]] = []

    def make(cameras: Any = None, judging: Bundle = bundle, **told: Any) -> tuple[Shadow, ShadowedLine]:
        settings = settings_of(registry.directory, cameras or {"web": {}})
        shadow = Shadow(registry.directory, settings, Meters(settings.cameras), **told)
        made.append((shadow, ShadowedLine(judging, settings, shadow)))
        return made[-1]

    yield make  # type: ignore[misc]
    for shadow, line in made:
        shadow.close()
        line.close()
        assert line.held == 0
