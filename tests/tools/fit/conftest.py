"""Surfaces for fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Write = Callable[..., Path]


def paper(seed: int, height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """A grainy sheet: H×W×3 RGB."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 30, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.repeat(np.clip(150 + grain, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


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
