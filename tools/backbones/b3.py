"""EfficientNet-B3, the backbone of the published method."""

from __future__ import annotations

from tools.backbones.base import Backbone, StateDict, Tap


class B3(Backbone):
    """`efficientnet_b3`, 48, 136 and 384 channels, trained with ImageNet's usual mean and deviation.

    Those leave pixels that half precision does not hold exactly, so whole means and a power of two stand in.
    """

    name = "efficientnet_b3"
    taps = (Tap(8, 48), Tap(16, 136), Tap(32, 384))
    mean = (124.0, 116.0, 104.0)
    std = (64.0, 64.0, 64.0)
    trained_mean = (123.675, 116.28, 103.53)
    trained_std = (58.395, 57.12, 57.375)
    head = ("conv_head.", "bn2.", "classifier.")

    def packaged_weights(self) -> str | None:
        """No package brings them."""
        return None

    def to_timm(self, weights: StateDict) -> StateDict:
        """Only timm's own names are known."""
        return weights
