"""May INT8 judge for this bundle? Both precisions judge pictures that took no part in calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.precision.safety import Agreement
from tools.evaluate.metrics import auroc

AUROC_LOSS = 0.002
"""Most that image AUROC may fall."""
FLIPPED = 0.02
"""Largest share of verdicts that may change: scores next to the threshold may fall on its other side."""


@dataclass(frozen=True)
class Gate:
    """How INT8 does beside float32. True where it may judge."""

    good: Agreement
    defective: Agreement
    drawn: bool
    """Whether the defects were drawn on good pictures, for want of real ones."""

    def __bool__(self) -> bool:
        return self.loss <= AUROC_LOSS and self.flipped / self.count <= FLIPPED

    @property
    def count(self) -> int:
        """Pictures judged."""
        return len(self.good.full) + len(self.defective.full)

    @property
    def flipped(self) -> int:
        """Verdicts that changed."""
        return int(self.good.flipped.sum() + self.defective.flipped.sum())

    @property
    def auroc(self) -> tuple[float, float]:
        """Image AUROC in float32 and in INT8."""
        return auroc(self.good.full, self.defective.full), auroc(self.good.half, self.defective.half)

    @property
    def loss(self) -> float:
        """By how much image AUROC falls; infinite where a score is not finite."""
        full, half = self.auroc
        return full - half if np.isfinite([*self.good.half, *self.defective.half]).all() else float("inf")

    def __str__(self) -> str:
        full, half = self.auroc
        kind = "drawn defects" if self.drawn else "defective"
        return (
            f"{len(self.good.full)} good pictures and {len(self.defective.full)} {kind}: image AUROC {full:.4f} in "
            f"float32, {half:.4f} in int8 (may fall by {AUROC_LOSS}); {self.flipped} of {self.count} verdicts changed "
            f"(may be {FLIPPED:.0%}); scores differ by {self._error.max():.1%} of the threshold at most, "
            f"{self._error.mean():.1%} on average"
        )

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        full, half = self.auroc
        return {
            "good": len(self.good.full),
            "defective": len(self.defective.full),
            "drawn": self.drawn,
            "image_auroc_fp32": full,
            "image_auroc_int8": half,
            "flipped": self.flipped,
            "error_max": float(self._error.max()),
            "error_mean": float(self._error.mean()),
        }

    @property
    def _error(self) -> NDArray[np.float64]:
        return np.concatenate([self.good.error, self.defective.error])
