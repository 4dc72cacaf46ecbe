"""The augmenters of the published defects, as torchvision draws them.

The authors take three of ten at random from imgaug, which no longer runs on current NumPy. torchvision's functional
forms are given their strength, so the generator that is passed in decides everything.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]  # it ships no type information

from tools.method.kinds.surface import Canvas

AUGMENTERS: dict[str, Callable[[np.random.Generator, Tensor], Tensor]] = {
    "gamma": lambda rng, x: functional.adjust_gamma(x, rng.uniform(0.5, 2.0)),
    "brightness": lambda rng, x: functional.adjust_brightness(x, rng.uniform(0.7, 1.4)),
    "contrast": lambda rng, x: functional.adjust_contrast(x, rng.uniform(0.5, 2.0)),
    "sharpness": lambda rng, x: functional.adjust_sharpness(x, rng.uniform(0.0, 4.0)),
    "hue": lambda rng, x: functional.adjust_hue(x, rng.uniform(-0.2, 0.2)),
    "saturation": lambda rng, x: functional.adjust_saturation(x, rng.uniform(0.2, 2.5)),
    "solarize": lambda rng, x: functional.solarize(x, rng.uniform(64, 192)),
    "posterize": lambda rng, x: functional.posterize(x, int(rng.integers(2, 5))),
    "autocontrast": lambda _, x: functional.autocontrast(x),
    "equalize": lambda _, x: functional.equalize(x),
    "invert": lambda _, x: functional.invert(x),
}
COLOUR = frozenset({"hue", "saturation"})
"""These leave grey pictures as they are."""


def augmented(rng: np.random.Generator, canvas: Canvas, count: int) -> Canvas:
    """The canvas, H×W×C, in another tone: `count` different augmenters, one after the other."""
    names = [name for name in AUGMENTERS if canvas.shape[2] == 3 or name not in COLOUR]
    pixels = np.ascontiguousarray(np.clip(np.rint(canvas), 0, 255).astype(np.uint8).transpose(2, 0, 1))
    tensor = torch.from_numpy(pixels)
    for index in rng.choice(len(names), count, replace=False):
        tensor = AUGMENTERS[names[index]](rng, tensor)
    return tensor.numpy().transpose(1, 2, 0).astype(np.float32)
