"""What the demonstration inspects: frames in a folder, and the truth about each, which the daemon never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tools.demo.web import web_frames
from tools.evaluate.dataset import GOOD, LabelledPicture


@dataclass(frozen=True)
class Scene:
    """A folder of frames to inspect in order of their names."""

    frames: Path
    truth: dict[str, LabelledPicture]
    """By the name of the frame's file."""


def web_scene(workspace: Path, count: int, seed: int) -> Scene:
    """Photograph `count` frames of the moving web into `workspace`."""
    frames, masks = workspace / "frames", workspace / "truth"
    frames.mkdir(parents=True)
    masks.mkdir()
    truth = {}
    for index, (picture, mask, kind) in enumerate(web_frames(count, seed), start=1):
        file = frames / f"{index:04d}.png"
        cv2.imwrite(str(file), picture)
        if kind is None:
            truth[file.name] = LabelledPicture(file, GOOD)
        else:
            cv2.imwrite(str(masks / file.name), mask.astype(np.uint8) * 255)
            truth[file.name] = LabelledPicture(file, kind, masks / file.name)
    return Scene(frames, truth)
