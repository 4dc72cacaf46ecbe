"""What the embedder is trained on: contrast under the defects' masks, and the decoder's reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tools.method.features import Features

CONTRAST_WEIGHT = 10.0
"""Of contrast against reconstruction, as published."""


def contrast(good: Tensor, other: Tensor, defect: Tensor) -> Tensor:
    """Published per picture: 1 - cos for a pair of good ones, (1 + cos)/2 for good and defective. Here per position.

    Args:
        good: N×E×h×w, embeddings of good tiles.
        other: N×E×h×w, embeddings of other tiles, good or with a synthetic defect.
        defect: N×h×w, share of each cell of `other` under the defect's mask, 0…1. Cells touched only in part say
            little either way and weigh accordingly.
    """
    cosine = functional.cosine_similarity(good, other, dim=1)
    # The backbone sees well beyond a cell: next to a defect, features are neither good nor defective.
    near = functional.max_pool2d(defect[:, None], 3, stride=1, padding=1)[:, 0]
    clean = (near == 0).float()
    alike = ((1 - cosine) * clean).sum() / clean.sum().clamp_min(1)
    apart = ((1 + cosine) / 2 * defect).sum() / defect.sum().clamp_min(1)
    return alike + apart


def reconstruction(rebuilt: Features, features: Features) -> Tensor:
    """Half the squared difference of channel-normalised maps, summed, over h·w, averaged over both depths."""
    return torch.stack([_level(a, b) for a, b in zip(rebuilt, features, strict=True)]).mean()


def _level(rebuilt: Tensor, features: Tensor) -> Tensor:
    difference = functional.normalize(rebuilt, dim=1) - functional.normalize(features, dim=1)
    rows, columns = features.shape[2:]
    return 0.5 * difference.square().sum() / (len(features) * rows * columns)
