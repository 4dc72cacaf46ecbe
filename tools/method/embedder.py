"""The published embedder: three 1×1 convolutions over the two deeper maps."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from tools.method.features import Channels, Features, enlarge

EMBEDDING = 64


class Embedder(nn.Module):
    """Three 1×1 convolutions without bias, each followed by ReLU and BatchNorm: 520→260→130→64 for B3."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        # A 1×1 convolution and enlarging commute, so the deeper map is convolved first, on a quarter of the positions.
        self.middle = nn.Conv2d(channels[1], 260, 1, bias=False)
        self.deep = nn.Conv2d(channels[2], 260, 1, bias=False)
        self.rest = nn.Sequential(
            *_relu_norm(260),
            nn.Conv2d(260, 130, 1, bias=False),
            *_relu_norm(130),
            nn.Conv2d(130, EMBEDDING, 1, bias=False),
            *_relu_norm(EMBEDDING),
        )

    def forward(self, features: Features) -> Tensor:
        """N×64×h×w, h and w of the middle map."""
        embedded: Tensor = self.rest(self.middle(features.middle) + enlarge(self.deep(features.deep), 2))
        return embedded

    def reduced(self, features: Features) -> Tensor:
        """What is contrasted and scored: averaged over 2×2 positions, N×64×h/2×w/2."""
        return functional.avg_pool2d(self(features), 2)


def _relu_norm(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.ReLU(), nn.BatchNorm2d(channels)
