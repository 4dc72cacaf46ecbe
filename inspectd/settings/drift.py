"""Watching for drift."""

from __future__ import annotations

from pydantic import Field

from inspectd.settings.section import Section


class DriftSettings(Section):
    """Good frames are compared with calibration, to tell of drift before false alarms do ([drift.md](drift.md))."""

    enabled: bool = True
    """Whether it is done."""
    window: int = Field(default=2000, ge=100, le=1_000_000)
    """Frames over which scores are averaged, one camera's. A larger one notices less of a change, and later."""
