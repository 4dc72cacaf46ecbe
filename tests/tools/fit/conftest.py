"""Surfaces for fits."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.conftest import Train

Write = Callable[..., Path]
Fit = Callable[..., subprocess.CompletedProcess[str]]


def paper(seed: int, height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """A grainy sheet: H×W×3 RGB."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 30, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.repeat(np.clip(150 + grain, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def fit(train: Train, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """Runs `inspectd-train fit` in this process; all share a cache, as a user's fits do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "xdg"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return partial(train, "fit")


@pytest.fixture
def write_papers(tmp_path: Path) -> Write:
    """Writes so many sheets into a folder below tmp_path."""

    def write(name: str, count: int, height: int = 96, width: int = 96) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            cv2.imwrite(str(folder / f"{index:03d}.png"), paper(index, height, width))
        return folder

    return write
