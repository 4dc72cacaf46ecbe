"""The demonstration's moving web: scikit-image's photograph of a brick wall, seen by a camera.

The left half of the photograph is what training sees, the right half is what passes under the camera, to and fro; no
pixel is in both. The wall is enlarged twofold, as a closer camera would see it; light and sensor noise change from
frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.demo.blemishes import KINDS, draw_blemish

FRAME = 480
"""Side of a frame, px: two by two tiles of 256 px."""
WINDOW = FRAME // 2
"""Side of the piece of photograph in a frame, px."""
STEP = 37
"""The web moves on by this much from frame to frame, px of photograph."""
DEFECT_EVERY = 4
"""One frame in so many has a defect."""
Grey = NDArray[np.uint8]


def good_pictures(count: int, seed: int) -> Iterator[Grey]:
    """Pictures of good wall for training, H×W."""
    rng = np.random.default_rng(seed)
    half = _photograph()[:, :256]
    for index in range(count):
        y, x = rng.integers(0, half.shape[0] - WINDOW + 1), rng.integers(0, half.shape[1] - WINDOW + 1)
        window = half[y : y + WINDOW, x : x + WINDOW]
        # The wall was seen at a slant: mirrored, the left half leans as the right one does.
        yield _seen(rng, window[:, ::-1] if index % 2 else window)


def web_frames(count: int, seed: int) -> Iterator[tuple[Grey, NDArray[np.bool_], str | None]]:
    """Frames of the moving web: the picture, the mask of its defect and the defect's kind (None on good frames)."""
    rng = np.random.default_rng(seed)
    web = _photograph()[:, -WINDOW:]
    reach = len(web) - WINDOW
    kinds = list(KINDS)
    for index in range(count):
        row = reach - abs(reach - STEP * index % (2 * reach))
        picture = _seen(rng, web[row : row + WINDOW])
        if index % DEFECT_EVERY == 2:
            kind = kinds[index // DEFECT_EVERY % len(kinds)]
            yield *draw_blemish(rng, picture, kind), kind
        else:
            yield picture, np.zeros(picture.shape, bool), None


def _photograph() -> Grey:
    from skimage import data  # noqa: PLC0415 - only the demonstration needs it

    return np.asarray(data.brick(), np.uint8)  # type: ignore[no-untyped-call]  # scikit-image has no types


def _seen(rng: np.random.Generator, window: NDArray[np.uint8]) -> Grey:
    """What a camera makes of it: enlarged, with its own light, a slight shading and noise."""
    enlarged = np.asarray(cv2.resize(window, (FRAME, FRAME), interpolation=cv2.INTER_CUBIC), np.float32)
    shading = 1 + rng.normal(0, 0.02) * np.linspace(-1, 1, FRAME, dtype=np.float32)
    noise = rng.normal(0, 2.0, enlarged.shape)
    seen: Grey = np.clip(np.rint(enlarged * rng.normal(1.0, 0.03) * shading + noise), 0, 255).astype(np.uint8)
    return seen
