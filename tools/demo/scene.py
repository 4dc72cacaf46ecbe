"""What the demonstration inspects: frames in a folder, and the truth about each, which the daemon never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.demo.web import web_frames


@dataclass(frozen=True)
class Shot:
    """One frame and its truth."""

    file: Path
    kind: str | None
    """The kind of its defect; None where it is good."""
    mask: Path | None
    """Picture of the defect's place, 255 where it is; None where it is good or nobody has marked it."""

    def truth(self) -> NDArray[np.bool_] | None:
        """The mask, H×W."""
        return None if self.mask is None else cv2.imread(str(self.mask), cv2.IMREAD_GRAYSCALE) > 127


@dataclass(frozen=True)
class Scene:
    """A folder of frames to inspect in order of their names."""

    frames: Path
    shots: dict[str, Shot]
    """By the name of the frame's file."""


def web_scene(folder: Path, count: int, seed: int) -> Scene:
    """Photograph `count` frames of the moving web into `folder`."""
    frames, masks = folder / "frames", folder / "truth"
    frames.mkdir(parents=True)
    masks.mkdir()
    shots = {}
    for index, (picture, mask, kind) in enumerate(web_frames(count, seed), start=1):
        file = frames / f"{index:04d}.png"
        cv2.imwrite(str(file), picture)
        mask_file = masks / file.name if kind else None
        if mask_file is not None:
            cv2.imwrite(str(mask_file), mask.astype(np.uint8) * 255)
        shots[file.name] = Shot(file, kind, mask_file)
    return Scene(frames, shots)
