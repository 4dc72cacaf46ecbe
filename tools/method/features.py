"""Features: what the frozen backbone says of a tile, at three depths, and its colours."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.backbones.weights import Loaded

Channels = tuple[int, int, int]
"""Of the three depths, the finest first."""


class Features(NamedTuple):
    """Maps of a batch of tiles; a step deeper has half the rows and columns."""

    fine: Tensor
    """N×C×h×w, at stride 8 of what the network sees."""
    middle: Tensor
    """N×D×h/2×w/2."""
    deep: Tensor
    """N×E×h/4×w/4."""
    colour: Tensor
    """N×3×2h×2w, each cell's mean RGB in the network's units; no network is asked for it, and it is exact to the cell
    where the others see far beyond theirs."""


class FeatureExtractor(nn.Module):
    """Tiles as cameras deliver them to features: enlarging and normalising belong to the model."""

    mean: Tensor
    std: Tensor

    def __init__(self, loaded: Loaded, magnify: int = 1) -> None:
        """`magnify`: how many times larger, each way, the network sees a tile."""
        super().__init__()
        self.network = loaded.network
        self.magnify = magnify
        fine, middle, deep = loaded.backbone.taps
        self.channels: Channels = (fine.channels, middle.channels, deep.channels)
        strides = fine.stride // 2, fine.stride, middle.stride, deep.stride
        self.strides = tuple(stride // magnify for stride in strides)
        """Side of a cell, px: of colour, and of the three depths."""
        self.register_buffer("mean", torch.tensor(loaded.backbone.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(loaded.backbone.std).view(3, 1, 1))
        self.eval()

    def forward(self, tiles: Tensor) -> Features:
        """`tiles` uint8 N×T×T×3 RGB."""
        pixels = (tiles.permute(0, 3, 1, 2).float() - self.mean) / self.std
        fine, middle, deep = self.network(enlarge(pixels, self.magnify))
        return Features(fine, middle, deep, functional.avg_pool2d(pixels, self.strides[0]))


def enlarge(maps: Tensor, times: int) -> Tensor:
    """N×C×h×w with rows and columns multiplied, bilinearly."""
    if times == 1:
        return maps
    return functional.interpolate(maps, scale_factor=float(times), mode="bilinear", align_corners=False)


def neighbourhood(maps: Tensor, side: int) -> Tensor:
    """Each position's mean over `side`×`side` positions around it, as far as there are any.

    A position then knows its surroundings and no longer hinges on where the grid happens to fall (PatchCore's local
    aggregation, Roth et al., CVPR 2022).
    """
    if side == 1:
        return maps
    return functional.avg_pool2d(maps, side, stride=1, padding=side // 2, count_include_pad=False)


def positions(maps: Tensor) -> Tensor:
    """Every position of N×C×h×w as a row: (N·h·w)×C."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
