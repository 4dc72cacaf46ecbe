"""Detail: where within a strange place the strange pixels are, told from colour.

The backbone's cells are large and see beyond themselves, so its maps are blots around a defect. Where a surface's
defects differ in colour, the deviation of each small cell from its surroundings says to the pixel where they lie. A
wide stain is much of its own surroundings; so these are taken from those of their cells that look like good.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.method.features import enlarge, neighbourhood, positions

WINDOW: Final = 17
"""Cells, each way, within which the strangeness of a place is handed to the cells that deviate most: as far as the
backbone blurs (68 px of what it sees). Smaller windows gave less: AUPRO on a paper 0.76 with 9, 0.80 with 17."""
BLOCK: Final = 4
"""Side of the blocks of cells that surroundings are made of: cell by cell they would cost a tenth of the backbone."""
AROUND: Final = 9
"""Blocks, each way, that are a cell's surroundings. With 7 to 12, and with the whole tile, figures are alike."""
SHARPNESS: Final = 0.75
"""Power of a cell's deviation against the largest of its window. From 0.5 to 1 pixel figures hardly move."""
SHARE: Final = 0.3
"""How much a deviation as large as the largest on good pictures counts beside the distance that they typically have.
From 0 to 0.3 image AUROC stays, and more of the specks that the backbone overlooks stand out; from 0.5 on a fibrous
paper loses a point."""
EVEN: Final = 0.1
"""Deviation that counts as present everywhere, against the largest on good pictures: where colour hardly deviates, it
says nothing of where a strange place ends, as in distorted weave. Decision 044 has what other values do."""
PEAK: Final = 8
"""Power of a cell's strangeness against the largest of its window: the middle of a strange place stays, whatever its
colour, or chance colours would take from the score of a scratch that has none."""
SPECKS: Final = 0.9
"""Largest deviation that is drawn where the map says little, and what it is drawn as, against the distance that good
typically has. Below 1, since colour draws and does not judge: the largest cells of good are larger, and make the score.
Decision 044 has what other values do."""
_VARIANCE_FLOOR = 1e-3
"""Of the largest variance: pictures without colours have one direction of three."""
_LEAST = 1e-6
"""A map may be 0 throughout."""
_LOT = 256
"""Tiles at a time, while learning."""


class Detail(nn.Module):
    """Sharpens a map by the Mahalanobis deviation of colour; 1 is the largest deviation that good tiles typically have.

    Along the window the largest values stay, so a frame's score hardly changes.
    """

    typical: Tensor
    likeness: Tensor
    weight: Tensor

    def __init__(self, specks: float = 0.0) -> None:
        """`specks`: the largest deviation that is drawn however little the map says there, usually `SPECKS`; 0 for
        none."""
        super().__init__()
        self.specks = specks
        self.register_buffer("typical", torch.zeros(1, 3, 1, 1))
        self.register_buffer("likeness", torch.eye(3)[:, :, None, None])
        self.register_buffer("weight", torch.eye(3)[:, :, None, None])

    def forward(self, strange: Tensor, colour: Tensor) -> Tensor:
        """`strange` N×h×w and `colour` N×3×2h×2w to N×2h×2w."""
        deviation = self.deviation(colour)[:, None]
        told = torch.sqrt(enlarge(strange[:, None], 2).square() + (SHARE * deviation).square())
        of_colour = ((deviation + EVEN) / (_largest(deviation) + EVEN)) ** SHARPNESS
        of_place = (told / _largest(told).clamp_min(_LEAST)) ** PEAK
        sharp = told * torch.maximum(of_colour, of_place)
        if self.specks:  # about the larger of both, without a step
            sharp = torch.sqrt(torch.sqrt(sharp.square().square() + deviation.clamp_max(self.specks).square().square()))
        return sharp[:, 0]

    def deviation(self, colour: Tensor) -> Tensor:
        """N×3×h×w to N×h×w, not below 0."""
        deviation: Tensor = self._against_surroundings(colour).square().sum(1).sqrt()
        return deviation

    @torch.no_grad()
    def fit(self, colour: Tensor) -> None:
        """Learn how the colours of good vary; deviations are then in standard deviations.

        Args:
            colour: N×3×h×w, of good tiles.
        """
        self.typical.copy_(colour.mean((0, 2, 3), keepdim=True))
        self.likeness.copy_(_whitening(colour))
        self.weight.copy_(torch.eye(3)[:, :, None, None])
        against = torch.cat([self._against_surroundings(lot) for lot in torch.split(colour, _LOT)])
        self.weight.copy_(_whitening(against))

    @torch.no_grad()
    def divide(self, by: float) -> None:
        """Take `by` for a deviation of 1."""
        self.weight /= by

    def _against_surroundings(self, colour: Tensor) -> Tensor:
        """Each cell's colour, weighted, less that around it: a mean in which a cell counts less, the less it looks like
        good.

        One convolution, and nothing but it, for half precision ends at the last one, and the rest would not survive it.
        """
        seen = functional.conv2d(colour - self.typical, torch.cat([self.likeness, self.weight]))
        unlike, own = seen[:, :3].square().mean(1, keepdim=True), seen[:, 3:]
        counts = (1 + unlike).square().reciprocal()
        near, of = (functional.avg_pool2d(maps, BLOCK) for maps in (counts * own, counts))
        against: Tensor = own - enlarge(neighbourhood(near, AROUND) / neighbourhood(of, AROUND), BLOCK)
        return against


def _largest(maps: Tensor) -> Tensor:
    """The largest within a window around each cell."""
    maps = functional.max_pool2d(maps, (WINDOW, 1), 1, (WINDOW // 2, 0))
    return functional.max_pool2d(maps, (1, WINDOW), 1, (0, WINDOW // 2))


def _whitening(maps: Tensor) -> Tensor:
    """What makes a covariance of N×3×h×w one, as a convolution."""
    values, vectors = torch.linalg.eigh(torch.cov(positions(maps).double().T))
    scale = values.clamp_min(values[-1] * _VARIANCE_FLOOR).clamp_min(1e-12).rsqrt()
    whitening: Tensor = (vectors * scale).T[:, :, None, None]
    return whitening
