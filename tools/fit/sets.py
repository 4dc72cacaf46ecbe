"""What every method learns from, and is compared on: features of good tiles and of spoilt ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.fit.extract import FeatureSet
from tools.method.features import Channels


@dataclass(frozen=True)
class SpoiltSet:
    """Tiles with a synthetic defect each."""

    features: FeatureSet
    shares: NDArray[np.float32]
    """N×h×w, how far each cell of the fine map is defective, 0…1."""
    masks: NDArray[np.bool_]
    """N×T×T, which pixels are."""
    kinds: Sequence[str]

    def __len__(self) -> int:
        return len(self.kinds)

    def of_kinds(self, kinds: frozenset[str]) -> SpoiltSet:
        """The tiles with a defect of one of these kinds."""
        chosen = [index for index, kind in enumerate(self.kinds) if kind in kinds]
        kept = np.array(chosen, np.int64)
        return SpoiltSet(
            self.features.only(kept), self.shares[kept], self.masks[kept], [self.kinds[index] for index in chosen]
        )


@dataclass(frozen=True)
class TrainingSet:
    """All that a fit knows of a surface."""

    good: FeatureSet
    spoilt: SpoiltSet
    held_out: FeatureSet
    """Good tiles that neither training nor centroids may see: they scale, compare and choose."""
    held_out_spoilt: SpoiltSet
    channels: Channels
    seed: int
    centroids: int | Literal["auto"] = "auto"
