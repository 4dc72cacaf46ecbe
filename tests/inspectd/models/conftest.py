from __future__ import annotations

import pytest

from engines.bundle import Bundle
from tests.bundles import tiny_bundle


@pytest.fixture(scope="session")
def finer(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Another bundle of the same surface."""
    return tiny_bundle(tmp_path_factory.mktemp("bundles"), tile=32, overlap=0, cell=4, threshold=12.0)
