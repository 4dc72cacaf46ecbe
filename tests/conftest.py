"""Fixtures for all tests."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path

import hypothesis
import pytest

from engines.bundle import Bundle
from tests.bundles import tiny_bundle

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores with each other and with the daemons that they start: one thread of arithmetic each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
else:
    # PyGObject's warnings are of a class `gobject.Warning`, whose module cannot be imported; what a worker warned of is
    # put together again by importing it.
    sys.modules.setdefault("gobject", builtins)

# Timing is not asserted: an example takes as long as the machine's other work lets it.
hypothesis.settings.register_profile("inspectd", deadline=None)
hypothesis.settings.load_profile("inspectd")

DATA = Path(os.environ.get("INSPECTD_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that train come first: they take longest, and no worker should be left alone with them in the end."""
    items.sort(key=lambda item: "tools" not in item.path.parts)


@pytest.fixture(scope="session")
def surfaces() -> Path:
    """The folder of real surfaces."""
    if not DATA.is_dir():
        pytest.skip(f"no real surfaces at {DATA}; name their folder in INSPECTD_DATA")
    return DATA


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle; it is immutable, so all tests share it."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))
