"""What a backbone is: a frozen ImageNet network read at three depths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:  # command lines know backbones by their names, and torch takes seconds to import
    from torch import Tensor, nn

StateDict: TypeAlias = "Mapping[str, Tensor]"


@dataclass(frozen=True)
class Tap:
    """A place where features leave the network."""

    stride: int
    """Side of the square of pixels that one position stands for, px."""
    channels: int


class Backbone(ABC):
    """One kind of network. It knows its shape and its input; where weights come from is `weights`' business."""

    name: ClassVar[str]
    """As in timm and on the command line."""
    taps: ClassVar[tuple[Tap, Tap, Tap]]
    """The finest map first."""
    mean: ClassVar[tuple[float, float, float]]
    """Subtracted from RGB, grey levels. Whole ones, so that half precision and TF32 hold the difference exactly."""
    std: ClassVar[tuple[float, float, float]]
    """RGB is divided by it after that, grey levels. Powers of two, for the same reason."""
    trained_mean: ClassVar[tuple[float, float, float]]
    """As `mean`, when the weights were trained; what differs is folded into the weights."""
    trained_std: ClassVar[tuple[float, float, float]]
    """As `std`, when the weights were trained."""
    head: ClassVar[tuple[str, ...]]
    """Beginnings of the names of classifier weights, which nothing here computes."""

    @abstractmethod
    def packaged_weights(self) -> str | None:
        """Path of the weights that an installed package brings; None where there is no such package."""

    @abstractmethod
    def to_timm(self, weights: StateDict) -> StateDict:
        """Weights under timm's names, whichever known publisher's names they came with."""

    def build(self) -> nn.Module:
        """The network up to its deepest tap, unfolded and with random weights: N×3×T×T to its maps, finest first."""
        import timm  # noqa: PLC0415 - takes seconds to import

        network: nn.Module = timm.create_model(self.name, pretrained=False, features_only=True, out_indices=(2, 3, 4))
        for module in network.modules():
            if hasattr(module, "inplace"):  # what works in place takes the exporter to ONNX twice as long to unravel
                setattr(module, "inplace", False)  # noqa: B010 - not every module has it
        return network
