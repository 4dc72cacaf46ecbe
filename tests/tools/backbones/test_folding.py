"""Folding: a network's features stay, whatever becomes a part of its weights."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("timm", reason="the training extra is not installed")
pytestmark = pytest.mark.train

from torch import Tensor, nn  # noqa: E402 - needs torch
from torch.nn import functional  # noqa: E402

from tools.backbones import BACKBONES  # noqa: E402
from tools.backbones.base import Backbone  # noqa: E402
from tools.backbones.folding import fold_batch_norms, fold_normalisation  # noqa: E402
from tools.backbones.lite0 import Lite0  # noqa: E402
from tools.backbones.weights import read_state  # noqa: E402

LITE0 = BACKBONES["tf_efficientnet_lite0"]
B3 = BACKBONES["efficientnet_b3"]
MEAN_COLOUR = torch.tensor(B3.mean).view(1, 3, 1, 1)


def trained() -> nn.Module:
    """Lite0 with its real weights, as timm has it."""
    network = LITE0.build().eval()
    packaged = LITE0.packaged_weights()
    assert packaged is not None
    given = LITE0.to_timm(read_state(Path(packaged)))
    network.load_state_dict({name: given[name] for name in network.state_dict()}, strict=True)
    return network


def test_folding_changes_nothing_but_rounding() -> None:
    plain = trained()
    folded = copy.deepcopy(plain)
    fold_batch_norms(folded)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    pixels = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        for expected, found in zip(plain(pixels), folded(pixels), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


class Elsewhere(Lite0):
    """Lite0 with other pixels than it was trained on, half a grey level off as B3's are."""

    mean = (127.5, 126.5, 127.5)
    std = (64.0, 64.0, 64.0)


def normalised(tiles: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    pixels: Tensor = (tiles - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    return pixels


def as_trained(backbone: Backbone, tiles: Tensor) -> Tensor:
    return normalised(tiles, backbone.trained_mean, backbone.trained_std)


def as_given(backbone: Backbone, tiles: Tensor) -> Tensor:
    return normalised(tiles, backbone.mean, backbone.std)


def folded(backbone: Backbone, plain: nn.Module) -> nn.Module:
    network = copy.deepcopy(plain)
    fold_batch_norms(network)
    fold_normalisation(network, backbone)
    return network


@pytest.mark.parametrize("name", list(BACKBONES))
def test_half_precision_and_tf32_hold_every_pixel(name: str) -> None:
    backbone = BACKBONES[name]
    pixels = as_given(backbone, torch.arange(256.0).view(1, 1, 1, 256).expand(1, 3, 1, 256))
    assert torch.equal(pixels.half().float(), pixels)
    assert all(abs(a - b) <= 0.5 for a, b in zip(backbone.mean, backbone.trained_mean, strict=True))


def test_b3_sees_what_it_was_trained_on() -> None:
    """Where the colour around a picture is the same, which two paddings with zero are not: half a grey level apart."""
    torch.manual_seed(0)
    tiles = functional.interpolate(torch.rand(2, 3, 12, 12) * 255, size=(96, 96), mode="bicubic").clamp(0, 255).round()
    plain = B3.build().train()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # so that one pass makes its statistics those of the features
    plain(as_trained(B3, tiles))
    given = folded(B3, plain.eval())
    fold_batch_norms(plain)
    with torch.inference_mode():
        apart = (stem_of(plain)(as_trained(B3, tiles)) - stem_of(given)(as_given(B3, tiles))).abs()
        assert apart[:, :, 1:, 1:].max() < 1e-5
        assert 0.001 < apart.max() < 0.03
        for network, pad in ((plain, as_trained(B3, MEAN_COLOUR)), (given, as_given(B3, MEAN_COLOUR))):
            stem = stem_of(network)
            stem.padding = (0, 0)
            stem.register_forward_pre_hook(lambda _, pixels, pad=pad: surrounded(pixels[0], pad))
        for expected, found in zip(plain(as_trained(B3, tiles)), given(as_given(B3, tiles)), strict=True):
            torch.testing.assert_close(found / expected.std(), expected / expected.std(), rtol=0, atol=1e-3)


def stem_of(network: nn.Module) -> nn.Conv2d:
    return next(module for module in network.modules() if isinstance(module, nn.Conv2d))


def surrounded(pixels: Tensor, colour: Tensor) -> Tensor:
    """With a border of one pixel."""
    rows, columns = pixels.shape[-2] + 2, pixels.shape[-1] + 2
    canvas = colour.expand(len(pixels), 3, rows, columns).clone()
    canvas[:, :, 1:-1, 1:-1] = pixels
    return canvas


def test_trained_features_differ_at_the_border_alone() -> None:
    """Of Lite0's weights, which are real: where the border is not seen, and how far it reaches where it is."""
    data = pytest.importorskip("skimage.data")
    pictures = np.stack([data.coffee()[:256, :256], data.chelsea()[:256, :256]])
    tiles = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    backbone = Elsewhere()
    plain = trained()
    with torch.inference_mode():
        expected = plain(as_trained(backbone, tiles))
        found = folded(backbone, plain)(as_given(backbone, tiles))
    apart = [(a - b) / a.std() for a, b in zip(expected, found, strict=True)]
    assert apart[0][:, :, :-6, :-6].abs().max() < 1e-3
    assert all(0 < each.square().mean().sqrt() < 0.01 for each in apart)
