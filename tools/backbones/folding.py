"""Turning a trained network into the numbers that every runtime sees.

BatchNorm is folded into the convolution before it, a normalisation of pixels that half precision cannot hold into the
first one, and the weights are then rounded to half precision once. They are kept as float32 that half holds exactly: so
torch, ONNX Runtime and an FP16 engine start from identical numbers, and a graph can store them in half the room.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tools.backbones.base import Backbone
from tools.errors import WeightsError


def fold_batch_norms(network: nn.Module) -> None:
    """Fold each BatchNorm into the convolution registered before it, in place; its activation stays.

    Holds for timm's EfficientNets, whose modules are registered in the order in which they run.
    """
    network.eval()
    last: tuple[nn.Module, str, nn.Conv2d] | None = None
    for parent, name, module in _leaves(network):
        if isinstance(module, nn.Conv2d):
            last = parent, name, module
        elif isinstance(module, nn.BatchNorm2d) and last is not None:
            conv_parent, conv_name, conv = last
            setattr(conv_parent, conv_name, fuse_conv_bn_eval(conv, module))
            setattr(parent, name, getattr(module, "act", nn.Identity()))


def _leaves(network: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    return [
        (parent, name, module)
        for parent in network.modules()
        if not isinstance(parent, nn.BatchNorm2d)
        for name, module in parent.named_children()
    ]


def fold_normalisation(network: nn.Module, backbone: Backbone) -> None:
    """Have a network take pixels by `mean` and `std` for those that it was trained on, in place; BatchNorms are folded.

    Exact but for the border: what the first convolution pads with is now the colour `mean`, and was `trained_mean`.
    """
    mean, std, trained_mean, trained_std = (
        torch.tensor(each, dtype=torch.float64)
        for each in (backbone.mean, backbone.std, backbone.trained_mean, backbone.trained_std)
    )
    stem = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert stem.bias is not None  # BatchNorm has left one
    with torch.no_grad():
        weight = stem.weight.double()
        offset = ((mean - trained_mean) / trained_std).view(3, 1, 1)
        stem.bias.copy_(stem.bias.double() + (weight * offset).sum((1, 2, 3)))
        stem.weight.copy_(weight * (std / trained_std).view(3, 1, 1))


def round_to_half(module: nn.Module) -> None:
    """Round every weight to the nearest half-precision value, in place, keeping float32.

    Raises:
        WeightsError: a weight is too large for half precision.
    """
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            tensor.copy_(tensor.half().float())
            if not torch.isfinite(tensor).all():
                raise WeightsError(f"weight {name} leaves the range of half precision; are these trained weights?")


def weights_sha256(module: nn.Module) -> str:
    """SHA-256 over names, shapes and values of all weights: the same wherever they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
