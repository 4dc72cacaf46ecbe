"""Finding a backbone's weights: an explicit file, the local cache, an installed package, the model hub, in this order.

The cache is `$XDG_CACHE_HOME/inspectd/weights` (by default `~/.cache/inspectd/weights`), a file `<backbone>.pth` or
`<backbone>.safetensors`. Random weights are never used.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from tools.backbones.base import Backbone, StateDict
from tools.backbones.folding import fold_batch_norms, fold_normalisation, round_to_half, weights_sha256
from tools.errors import WeightsError

SUFFIXES = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class Loaded:
    """A backbone ready for use, with where its weights were found."""

    backbone: Backbone
    network: nn.Module
    """Frozen, weights exact in half precision: N×3×T×T, normalised by the backbone's `mean` and `std`, to its maps."""
    sha256: str
    """Over the folded weights."""
    source: str
    """`file`, `cache`, `package` or `hub`, a colon, and the name there."""


@dataclass(frozen=True)
class _Found:
    kind: Literal["file", "cache", "package"]
    path: Path


def load_backbone(backbone: Backbone, file: Path | None = None) -> Loaded:
    """Find the weights, check that they fit, and fold and round them.

    Raises:
        WeightsError: there are none, or they do not fit; the message says how to get them.
    """
    found = _look_for(backbone, file)
    network = backbone.build()
    if found is None:
        state, source = _from_hub(backbone), f"hub:{backbone.name}"
    else:
        state, source = read_state(found.path), f"{found.kind}:{found.path.name}"
    _fill(backbone, network, state, source)
    fold_batch_norms(network)
    fold_normalisation(network, backbone)
    round_to_half(network)
    network.requires_grad_(requires_grad=False)
    return Loaded(backbone, network, weights_sha256(network), source)


def cache_folder() -> Path:
    """Where weights are cached."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inspectd" / "weights"


def read_state(path: Path) -> StateDict:
    """Read a weights file; nothing but tensors is unpickled.

    Raises:
        WeightsError: it cannot be read, or holds no weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError  # noqa: PLC0415 - only for files of this kind
            from safetensors.torch import load_file  # noqa: PLC0415

            try:
                return load_file(path)
            except SafetensorError as error:
                raise WeightsError(f"{path}: not a safetensors file: {error}") from error
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise WeightsError(f"{path}: not a weights file that can be read safely: {_first_line(error)}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds no weights (a table of names and tensors)")
    return state


def _look_for(backbone: Backbone, file: Path | None) -> _Found | None:
    if file is not None:
        if not file.is_file():
            raise WeightsError(f"--weights {file}: no such file")
        return _Found("file", file)
    for suffix in SUFFIXES:
        cached = cache_folder() / f"{backbone.name}{suffix}"
        if cached.is_file():
            return _Found("cache", cached)
    packaged = backbone.packaged_weights()
    return _Found("package", Path(packaged)) if packaged else None


def _from_hub(backbone: Backbone) -> StateDict:
    import timm  # noqa: PLC0415 - takes seconds to import

    try:
        return timm.create_model(backbone.name, pretrained=True).state_dict()
    except Exception as error:  # whatever the hub's client raises, the user needs the ways out
        raise WeightsError(
            f"no weights for backbone {backbone.name}: no --weights file, none in {cache_folder()}, "
            f"no installed package, and the model hub did not answer ({_first_line(error)}). "
            f"Put timm's weights there as {backbone.name}.safetensors, name a file with --weights, "
            "or use --backbone tf_efficientnet_lite0, whose weights come with the training extra"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _fill(backbone: Backbone, network: nn.Module, state: StateDict, source: str) -> None:
    wanted = network.state_dict()
    given = {name: tensor for name, tensor in backbone.to_timm(state).items() if not name.startswith(backbone.head)}
    # Counters of BatchNorm's training; some publishers leave them out, and nothing reads them here.
    missing = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    unknown = [name for name in given if name not in wanted]
    misshapen = [name for name in given if name in wanted and given[name].shape != wanted[name].shape]
    wrong = missing or unknown or misshapen
    if wrong:
        kind = "lack" if missing else "have the unknown" if unknown else "have another shape of"
        raise WeightsError(
            f"weights {source} do not fit {backbone.name}: they {kind} {wrong[0]} (and {len(wrong) - 1} more); "
            "are they for another backbone?"
        )
    network.load_state_dict(given, strict=False)
