"""Detail: where within a strange place the strange pixels are, told from colour.

The backbone's cells are large and see beyond themselves, so its maps are blots around a defect. Where a surface's
defects differ in colour, the deviation of each small cell from its surroundings says to the pixel where they lie.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.method.features import enlarge, positions

WINDOW: Final = 17
"""Cells, each way, within which the strangeness of a place is handed to the cells that deviate most: as far as the
backbone blurs (68 px of what it sees). Smaller windows gave less: AUPRO on a paper 0.76 with 9, 0.80 with 17."""
SHARPNESS: Final = 0.75
"""Power of a cell's deviation against the largest of its window. From 0.5 to 1 pixel figures hardly move."""
SHARE: Final = 0.3
"""How much a deviation as large as the largest on good pictures counts beside the distance that they typically have.
From 0 to 0.3 image AUROC stays, and more of the specks that the backbone overlooks stand out; from 0.5 on a fibrous
paper loses a point."""
EVEN: Final = 0.1
"""Deviation that counts as present everywhere, against the largest on good pictures: where colour hardly deviates, it
says nothing of where a strange place ends, as in distorted weave. Decision 044 has what other values do."""
_VARIANCE_FLOOR = 1e-3
"""Of the largest variance: pictures without colours have one direction of three."""


class Detail(nn.Module):
    """Sharpens a map by the Mahalanobis deviation of colour; 1 is the largest deviation that good tiles typically have.

    Along the window the largest values stay, so a frame's score hardly changes.
    """

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(3)[:, :, None, None])

    def forward(self, strange: Tensor, colour: Tensor) -> Tensor:
        """`strange` N×h×w and `colour` N×3×2h×2w to N×2h×2w."""
        deviation = self.deviation(colour)[:, None]
        told = torch.sqrt(enlarge(strange[:, None], 2).square() + (SHARE * deviation).square())
        largest = functional.max_pool2d(deviation, (WINDOW, 1), 1, (WINDOW // 2, 0))
        largest = functional.max_pool2d(largest, (1, WINDOW), 1, (0, WINDOW // 2))
        return (told * ((deviation + EVEN) / (largest + EVEN)) ** SHARPNESS)[:, 0]

    def deviation(self, colour: Tensor) -> Tensor:
        """N×3×h×w to N×h×w, not below 0."""
        return functional.conv2d(colour, self.weight).square().sum(1).sqrt()

    @torch.no_grad()
    def fit(self, colour: Tensor) -> None:
        """Learn how the colours of good vary; deviations are then in standard deviations.

        Args:
            colour: N×3×h×w, of good tiles.
        """
        values, vectors = torch.linalg.eigh(torch.cov(positions(colour).double().T))
        scale = values.clamp_min(values[-1] * _VARIANCE_FLOOR).clamp_min(1e-12).rsqrt()
        self.weight.copy_((vectors * scale).T[:, :, None, None])

    @torch.no_grad()
    def divide(self, by: float) -> None:
        """Take `by` for a deviation of 1."""
        self.weight /= by
