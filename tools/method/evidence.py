"""Evidence of a defect, learned by contrast between what is good and what lies under synthetic defects' masks.

A small head over all three depths. As one more coordinate of the embedding, in which every centroid of good is 0, it
adds to the distance what distance to good alone cannot tell.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.method.features import Channels, Features, enlarge

HIDDEN = 128
DROPOUT = 0.5
"""Of hidden units, in training. Without, the head learns the drawn defects by heart: image AUROC on a paper with real
impurities was 0.944, and 0.994 with."""
_LEAST_DEVIATION = 0.05
"""Of a channel, against the median channel's: one that hardly ever fires must not be blown up."""


class Evidence(nn.Module):
    """Three 1×1 convolutions from all depths to one value a position: about 0 where no more speaks for a defect than on
    good pictures, and how much more does (nats, of the odds' logarithm) elsewhere."""

    def __init__(self, channels: Channels, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.fine = nn.Conv2d(channels[0], hidden, 1, bias=True)
        self.middle = nn.Conv2d(channels[1], hidden, 1, bias=False)
        self.deep = nn.Conv2d(channels[2], hidden, 1, bias=False)
        self.second = nn.Conv2d(hidden, hidden // 2, 1)
        self.last = nn.Conv2d(hidden // 2, 1, 1)

    def forward(self, features: Features) -> Tensor:
        """N×h×w, h and w of the fine map; not below 0."""
        return functional.softplus(self.logits(features))

    def logits(self, features: Features) -> Tensor:
        """N×h×w, logarithm of the odds for a defect."""
        # A 1×1 convolution and enlarging commute: each depth is convolved on its own few positions.
        mixed = (
            self.fine(features.fine) + enlarge(self.middle(features.middle), 2) + enlarge(self.deep(features.deep), 4)
        )
        logits: Tensor = self.last(functional.relu(self.second(functional.relu(mixed))))[:, 0]
        return logits

    @torch.no_grad()
    def discount(self, logit: float) -> None:
        """Take `logit` for what good pictures show: evidence counts from there."""
        assert self.last.bias is not None
        self.last.bias -= logit

    @torch.no_grad()
    def take_over(self, head: Head) -> None:
        """Become what `head` has learned, its standardising of channels folded into the first convolution."""
        weight = head.first.weight / head.deviation
        sizes = [conv.in_channels for conv in (self.fine, self.middle, self.deep)]
        for conv, part in zip((self.fine, self.middle, self.deep), torch.split(weight, sizes, dim=1), strict=True):
            conv.weight.copy_(part[:, :, None, None])
        for conv, linear in ((self.second, head.second), (self.last, head.last)):
            conv.weight.copy_(linear.weight[:, :, None, None])
            assert conv.bias is not None
            conv.bias.copy_(linear.bias)
        assert self.fine.bias is not None
        self.fine.bias.copy_(head.first.bias - weight @ head.mean)


class Head(nn.Module):
    """The same over single positions, as it is trained: rows of all depths side by side to logits."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, good: Tensor, hidden: int = HIDDEN) -> None:
        """`good`: n×C, positions of good, by which the channels are standardised."""
        super().__init__()
        width = good.shape[1]
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, hidden // 2)
        self.last = nn.Linear(hidden // 2, 1)
        self.dropout = nn.Dropout(DROPOUT)
        deviation = good.std(0)
        self.register_buffer("mean", good.mean(0))
        self.register_buffer("deviation", deviation.clamp_min(_LEAST_DEVIATION * float(deviation.median()) + 1e-6))

    def forward(self, rows: Tensor) -> Tensor:
        """n×C to n."""
        hidden = self.dropout(functional.relu(self.first((rows - self.mean) / self.deviation)))
        logits: Tensor = self.last(functional.relu(self.second(hidden)))[:, 0]
        return logits


def side_by_side(features: Features) -> Tensor:
    """All depths at the fine map's resolution: N×(C+D+E)×h×w."""
    return torch.cat([features.fine, enlarge(features.middle, 2), enlarge(features.deep, 4)], dim=1)
