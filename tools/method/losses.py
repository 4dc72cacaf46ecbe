"""The published losses: contrast between pictures, and the decoder's reconstruction (CSE)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CONTRAST_WEIGHT = 10.0
"""Of contrast against reconstruction."""


def contrast(good: Tensor, other: Tensor, defective: Tensor) -> Tensor:
    """1 - cos for a pair of good pictures, (1 + cos)/2 for a good and a defective one.

    The cosine is taken over the positions of each channel, as the authors' code does.

    Args:
        good: N×E×h×w, reduced embeddings of good tiles.
        other: N×E×h×w, of the tiles paired with them.
        defective: N, true where `other` has a synthetic defect.
    """
    cosine = functional.cosine_similarity(good.flatten(2), other.flatten(2), dim=2).mean(1)
    return torch.where(defective, (1 + cosine) / 2, 1 - cosine).mean()


def reconstruction(rebuilt: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> Tensor:
    """Half the squared difference of channel-normalised maps, summed, over h·w, averaged over both depths."""
    return torch.stack([_level(a, b) for a, b in zip(rebuilt, features, strict=True)]).mean()


def _level(rebuilt: Tensor, features: Tensor) -> Tensor:
    difference = functional.normalize(rebuilt, dim=1) - functional.normalize(features, dim=1)
    rows, columns = features.shape[2:]
    return 0.5 * difference.square().sum() / (len(features) * rows * columns)
