"""The decoder that keeps the embedding from collapsing: random, never trained.

Were there contrast alone, mapping everything good to one point would satisfy it. From what the embedder keeps, this
decoder's fixed random weights must be able to rebuild the features, so the embedder has to keep something of them.
"""

from __future__ import annotations

from torch import Tensor, nn

from tools.method.embedder import EMBEDDING
from tools.method.features import Channels


class Decoder(nn.Module):
    """64→68→C and 64→192→D (half the map's rows and columns), 1×1, each convolution followed by ReLU and BatchNorm."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        _, middle, deep = channels
        self.middle = nn.Sequential(*_step(EMBEDDING, middle // 2), *_step(middle // 2, middle))
        self.deep = nn.Sequential(*_step(EMBEDDING, deep // 2), nn.MaxPool2d(2), *_step(deep // 2, deep))
        self.requires_grad_(requires_grad=False)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """N×64×h×w back to the middle and the deep map."""
        return self.middle(embedding), self.deep(embedding)


def _step(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 1, bias=False), nn.ReLU(), nn.BatchNorm2d(outputs)
