"""A web that moves, and cameras that see a row of it at a time."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, ValidationInfo, field_validator

from inspectd.settings.section import Positive, Section


class Direction(StrEnum):
    """Which way a web moves in the picture."""

    UP = "up"
    """Towards its upper border: new web comes in at the lower one."""
    DOWN = "down"
    """Towards its lower border."""


class WebSettings(Section):
    """A web that moves under the camera without end; see [web.md](web.md)."""

    direction: Direction
    """Which way the web moves in the picture: `up`, towards its upper border, as under every line-scan camera, or
    `down`."""
    speed_mm_s: Positive | None = None
    """Speed of a web that never changes it, mm/s."""
    mm_per_count: Positive | None = Field(default=None, validate_default=True)
    """In place of `speed_mm_s`: web for each count of an encoder, mm. The counts come to `control.address`."""
    stale_s: Positive = 1.0
    """After so long without a count the position is no longer known. Send the count more often, also while the web
    stands still."""
    across_mm: float = Field(default=0.0, ge=-1_000_000, le=1_000_000)
    """Where the picture's left border lies across the web, mm."""

    @field_validator("mm_per_count")
    @classmethod
    def _speed_or_encoder(cls, mm_per_count: float | None, info: ValidationInfo) -> float | None:
        if (mm_per_count is None) == (info.data.get("speed_mm_s") is None):
            raise ValueError("the web's position comes from one of speed_mm_s and mm_per_count; set one")
        return mm_per_count


class LineScanSettings(Section):
    """A line-scan camera, whose rows are put together into frames; see [web.md](web.md)."""

    rows: int = Field(ge=16, le=65_535)
    """Rows of a frame, px. It is complete with its last row: `deadline_ms` counts from its first, and `stall_s` must be
    longer than it takes."""
    overlap: int = Field(default=0, ge=0, le=65_535)
    """Of these, rows that repeat the end of the frame before, so that a defect at the seam is seen whole, px."""

    @field_validator("overlap")
    @classmethod
    def _moves_on(cls, overlap: int, info: ValidationInfo) -> int:
        rows = info.data.get("rows", 0)
        if 2 * overlap > rows:
            raise ValueError(f"must be at most half of rows = {rows}")
        return overlap
