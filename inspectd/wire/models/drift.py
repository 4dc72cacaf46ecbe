"""How good frames of today compare with those that the threshold was set on."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from inspectd.wire.models.message import TELLS, Finite


class DriftLevel(StrEnum):
    """How far a camera's pictures have moved away from calibration."""

    STEADY = "steady"
    """No further than chance moves them."""
    NOTE = "note"
    """Further than that, without harm so far."""
    WARNING = "warning"
    """So far that more good frames fail than was asked for, or that defects may pass unseen."""


class CameraDrift(BaseModel):
    """How a camera's recent frames that passed compare with the bundle's held-out good pictures."""

    model_config = TELLS

    level: DriftLevel
    """How far they have moved away."""
    detail: str | None = None
    """What has changed and what will come of it, in words; null while it is steady."""
    scores: Finite
    """Change of their scores: 0.18 is 18 % above calibration, -0.18 below."""
    distances: Finite | None = None
    """Change of the mean distance of their maps, likewise; null where the bundle has nothing to compare it with."""
    false_rejects: Finite
    """Share of good frames that will fail if scores stay where they are now."""
