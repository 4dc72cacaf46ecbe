"""Embeddings of features: one learned by contrast, one that keeps what good looks like, and the two joined."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.method.features import Features, enlarge, join, positions

EMBEDDING = 64
"""Channels of each branch; two together stay within the graph's 128."""
_VARIANCE_FLOOR = 1e-4
"""Of the largest variance: a direction along which good hardly varies must not turn rounding into distance."""


class JoinedConv(nn.Module):
    """A 1×1 convolution over both depths side by side.

    A 1×1 convolution and enlarging commute, so the deeper map is convolved first, on a quarter of the positions.
    """

    def __init__(self, channels: tuple[int, int], out: int, *, bias: bool) -> None:
        super().__init__()
        self.middle = nn.Conv2d(channels[0], out, 1, bias=bias)
        self.deep = nn.Conv2d(channels[1], out, 1, bias=False)

    def forward(self, features: Features) -> Tensor:
        """Both maps to N×out×h×w."""
        mixed: Tensor = self.middle(features.middle) + enlarge(self.deep(features.deep))
        return mixed


class Embedder(nn.Module):
    """The published embedder: three 1×1 convolutions without bias, each followed by ReLU and BatchNorm.

    432→260→130→64 for Lite0. It is trained and compared by cosine, so `unit` is what is measured.
    """

    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.first = JoinedConv(channels, 260, bias=False)
        self.rest = nn.Sequential(
            *_relu_norm(260),
            nn.Conv2d(260, 130, 1, bias=False),
            *_relu_norm(130),
            nn.Conv2d(130, EMBEDDING, 1, bias=False),
            *_relu_norm(EMBEDDING),
        )

    def forward(self, features: Features) -> Tensor:
        """N×64×h×w."""
        embedded: Tensor = self.rest(self.first(features))
        return embedded


class Unit(nn.Module):
    """An embedder whose vectors have length 1, so that Euclidean distance orders them as cosine does."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, features: Features) -> Tensor:
        """N×64×h×w."""
        return functional.normalize(self.embedder(features), dim=1, eps=1e-6)


class Whitening(nn.Module):
    """The features' principal directions over good, each scaled to variance 1: Euclidean distance here is the
    Mahalanobis distance within those directions."""

    def __init__(self, channels: tuple[int, int], out: int = EMBEDDING) -> None:
        super().__init__()
        self.project = JoinedConv(channels, out, bias=True)

    def forward(self, features: Features) -> Tensor:
        """N×64×h×w."""
        whitened: Tensor = self.project(features)
        return whitened

    @torch.no_grad()
    def fit(self, features: Features) -> None:
        """Learn mean and directions from good features.

        Each channel is first divided by the square root of its deviation (Pareto scaling, van den Berg et al. 2006):
        as they come, the finer map's few strong channels would take nearly all directions; brought to one deviation,
        channels that hardly ever fire would.
        """
        rows = positions(join(features)).double()
        mean = rows.mean(0)
        pareto = rows.std(0).clamp_min(1e-6).rsqrt()
        values, vectors = torch.linalg.eigh(torch.cov(((rows - mean) * pareto).T))
        count = self.project.middle.out_channels
        values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
        # The sign of an eigenvector is arbitrary; fixed here, so that one seed gives one model.
        strongest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        scale = strongest.sign() * values.clamp_min(values[0] * _VARIANCE_FLOOR).rsqrt()
        weight = (pareto[:, None] * vectors * scale).T.half().double()
        split = self.project.middle.in_channels
        self.project.middle.weight.copy_(weight[:, :split, None, None])
        self.project.deep.weight.copy_(weight[:, split:, None, None])
        assert self.project.middle.bias is not None
        self.project.middle.bias.copy_(-(weight @ mean))


class Embedding(nn.Module):
    """Branches side by side, each scaled so that a step in one counts as much as in another.

    Squared distances of side-by-side vectors add up: far in either branch is far.
    """

    scales: Tensor

    def __init__(self, branches: Sequence[nn.Module], scales: Sequence[float]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.register_buffer("scales", torch.tensor(scales))

    def forward(self, features: Features) -> Tensor:
        """N×E×h×w."""
        return torch.cat(
            [branch(features) * scale for branch, scale in zip(self.branches, self.scales, strict=True)], 1
        )


def _relu_norm(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.ReLU(), nn.BatchNorm2d(channels)
