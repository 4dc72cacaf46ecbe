"""Features of tiles with a synthetic defect each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.fit.extract import FeatureSet


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
