"""The demonstration's moving web: scikit-image's photograph of a brick wall, seen by a camera.

The lower half of the photograph is what training sees, the upper half is what passes under the camera, to and fro; no
pixel is in both. The upper bricks were farther away; they are enlarged a little more, so that all have one size. As on
a real line no two pictures are taken quite alike: the web weaves and flutters a little, light and sensor noise change.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.demo.blemishes import KINDS, draw_blemish

FRAME = 480
"""Side of a frame, px: two by two tiles of 256 px."""
WINDOW = 200
"""Side of the piece of photograph in a frame of the lower half, px."""
UPPER_ZOOM = 1.15
"""How much larger the lower bricks are in the photograph."""
HALF = 256
"""Rows of the half of the photograph that is learned, and of the half that is inspected, px."""
STEP = 37
"""The web moves on by this much from frame to frame, px of photograph."""
DEFECT_EVERY = 4
"""One frame in so many has a defect."""
WEAVE_DEGREES, FLUTTER = 1.5, 0.03
"""Standard deviations of the web's angle, and of its scale by its distance from the camera."""
MARGIN = 126
"""From the middle of a window to the half's border, px: what a window reaches at twice those deviations."""
Grey = NDArray[np.uint8]


def good_pictures(count: int, seed: int) -> Iterator[Grey]:
    """Pictures of good wall for training, H×W."""
    rng = np.random.default_rng(seed)
    lower = _photograph()[HALF:]
    for _ in range(count):
        y, x = (rng.uniform(MARGIN, side - MARGIN) for side in lower.shape)
        yield _seen(rng, lower, y, x, zoom=1.0)


def web_frames(count: int, seed: int) -> Iterator[tuple[Grey, NDArray[np.bool_], str | None]]:
    """Frames of the moving web: the picture, the mask of its defect and the defect's kind (None on good frames)."""
    rng = np.random.default_rng(seed)
    upper = _photograph()[:HALF]
    reach = upper.shape[1] - 2 * MARGIN
    kinds = list(KINDS)
    for index in range(count):
        x = MARGIN + reach - abs(reach - STEP * index % (2 * reach))
        picture = _seen(rng, upper, rng.uniform(MARGIN, HALF - MARGIN), x, zoom=UPPER_ZOOM)
        if index % DEFECT_EVERY == 2:
            kind = kinds[index // DEFECT_EVERY % len(kinds)]
            yield *draw_blemish(rng, picture, kind), kind
        else:
            yield picture, np.zeros(picture.shape, bool), None


def _photograph() -> Grey:
    from skimage import data  # noqa: PLC0415 - only the demonstration needs it

    return np.asarray(data.brick(), np.uint8)  # type: ignore[no-untyped-call]  # scikit-image has no types


def _seen(rng: np.random.Generator, wall: Grey, y: float, x: float, *, zoom: float) -> Grey:
    """What a camera above (y, x) makes of the wall: woven, fluttering, with its own light, shading and noise."""
    angle = np.clip(rng.normal(0, WEAVE_DEGREES), -2 * WEAVE_DEGREES, 2 * WEAVE_DEGREES)
    zoom *= FRAME / WINDOW * (1 + np.clip(rng.normal(0, FLUTTER), -2 * FLUTTER, 2 * FLUTTER))
    place = np.asarray(cv2.getRotationMatrix2D((x, y), angle, zoom), np.float64)
    place[:, 2] += FRAME / 2 - x, FRAME / 2 - y
    enlarged = np.asarray(cv2.warpAffine(wall, place, (FRAME, FRAME), flags=cv2.INTER_CUBIC), np.float32)
    shading = 1 + rng.normal(0, 0.02) * np.linspace(-1, 1, FRAME, dtype=np.float32)
    noise = rng.normal(0, 2.0, enlarged.shape)
    seen: Grey = np.clip(np.rint(enlarged * rng.normal(1.0, 0.03) * shading + noise), 0, 255).astype(np.uint8)
    return seen
