"""From features and centroids to a map: what each method puts into the graph behind the backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.method.bank import distance
from tools.method.detail import Detail
from tools.method.embedder import Embedder
from tools.method.evidence import Evidence
from tools.method.features import Features, enlarge
from tools.method.projection import Projection

DETAIL, FINE, MIDDLE, DEEP = range(4)
"""Resolutions of maps, as indices into an extractor's strides."""
EVIDENCE = 1.4
"""How much evidence counts against the distance that good typically has. With half of it image AUROC falls by four
points where a part's own border is in view; with more, drawn defects overrule what good looks like."""


class Scorer(nn.Module, ABC):
    """Features and centroids (K×E) to a map, one value a cell, not below 0, larger where it is stranger."""

    depth: int
    """Which depth's resolution the map has."""

    @abstractmethod
    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        """N×h×w."""


class BankScorer(Scorer):
    """Distance to the nearest centroid of a linear embedding."""

    depth = MIDDLE

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.projection = projection

    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        """N×h×w, h and w of the middle map."""
        return distance(self.projection(features), centroids)


class CseScorer(Scorer):
    """Distance to the nearest centroid of whitened features and one learned coordinate, in which every centroid is 0.

    The first keeps what is known of good, the second adds what contrast has learned of defects, as far as it exceeds
    what good pictures show: where they show much, it stays silent, and neither can drown the other. It grows as the
    logarithm of evidence does: a good picture with twice the evidence of all that were held out must not score twice
    as high, or few held-out pictures say nothing of where a threshold belongs.
    """

    depth = FINE
    units: Tensor

    def __init__(self, projection: Projection, evidence: Evidence, units: tuple[float, float]) -> None:
        """`units`: the distance that good pictures typically have, and by how many nats of evidence they differ."""
        super().__init__()
        self.projection, self.evidence = projection, evidence
        self.register_buffer("units", torch.tensor(units))

    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        """N×h×w, h and w of the fine map."""
        strange = enlarge(distance(self.projection(features), centroids)[:, None], 2)[:, 0] / self.units[0]
        learned = EVIDENCE * torch.log1p(self.evidence(features) / self.units[1])
        return torch.sqrt(strange.square() + learned.square())


class DetailedScorer(Scorer):
    """Another scorer's map, sharpened by colour."""

    depth = DETAIL

    def __init__(self, blurred: CseScorer, detail: Detail) -> None:
        super().__init__()
        self.blurred, self.detail = blurred, detail

    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        """N×h×w, h and w of the colours."""
        sharpened: Tensor = self.detail(self.blurred(features, centroids), features.colour)
        return sharpened


class LockedScorer(Scorer):
    """The published score: 1 - cosine to the same position of the one map of good in the bank.

    Of unit vectors that is half the squared difference, of which the published maps are made. The centroids are the
    positions of that map, row by row.
    """

    depth = DEEP

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, features: Features, centroids: Tensor) -> Tensor:
        """N×h×w, h and w of the deep map."""
        reduced = functional.normalize(self.embedder.reduced(features), dim=1, eps=1e-6)
        rows, columns = reduced.shape[2:]
        bank = centroids.T.reshape(1, -1, rows, columns)
        return (1 - (reduced * bank).sum(1)).clamp_min(0)
