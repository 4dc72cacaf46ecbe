"""Archives that take no rest."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.archive.archive.RETRY_PAUSE_S", 0.05)
    monkeypatch.setattr("inspectd.archive.archive.TICK_S", 0.05)
